"""Regular languages over bytes: dense tables, their algebra, and what compiles into them."""

"""JSON Schema to a grammar of exactly the texts that validate."""

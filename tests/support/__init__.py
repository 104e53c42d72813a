"""What several tests need: one module per question, nothing that the product could use."""

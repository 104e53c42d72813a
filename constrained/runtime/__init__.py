"""The one corner that imports MLX: masks on logits, generation loops, loading models."""

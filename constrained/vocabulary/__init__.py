"""What a tokenizer's ids spell: bytes of every id, the flat trie over them, and its disk cache."""

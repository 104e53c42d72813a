"""Lark grammars: read by Lark, matched byte by byte. Start at compiler.py; docs/lark.md says what holds."""

"""Token-level constraints for language models: what a model may say next, decided exactly.

    schema, tools, regex, Lark  --grammars-->  Grammar  --+--> CompiledGrammar --> Matcher --> mask
    tokenizer                   ------------>  Vocabulary-+    (shared, immutable) (one per request)

This package is the engine. It knows bytes, automata and tokens, and nothing about JSON or HTTP.
"""

__version__ = "0.1.0"

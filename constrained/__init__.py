"""Token-level constraints for language models: what a model may say next, decided exactly.

    schema, tools, regex, Lark  --grammars-->  Grammar  --+--> CompiledGrammar --> Matcher --> mask
    tokenizer                   ------------>  Vocabulary-+    (shared, immutable) (one per request)

This package is the engine. It knows bytes, automata and tokens, and nothing about JSON or HTTP.
"""

from constrained.native import finder

finder.install()  # compiled modules in front of their sources, before any other module of ours is imported

from constrained.budget import Budgeted
from constrained.errors import (
    BudgetTooSmall,
    ConstrainedError,
    GrammarError,
    InvalidGrammar,
    LimitExceeded,
    ModelError,
    ShardingError,
    TokenRefused,
    Unsatisfiable,
    UnsupportedFeature,
    VocabularyError,
)
from constrained.matcher import CompiledGrammar, Matcher
from constrained.memory import limit_memory
from constrained.sections import Limited, LimitedGrammar, Section
from constrained.vocabulary.vocabulary import Vocabulary
from constrained.warming import warm_up

__all__ = [
    "BudgetTooSmall",
    "Budgeted",
    "CompiledGrammar",
    "ConstrainedError",
    "GrammarError",
    "InvalidGrammar",
    "LimitExceeded",
    "Limited",
    "LimitedGrammar",
    "Matcher",
    "ModelError",
    "Section",
    "ShardingError",
    "TokenRefused",
    "Unsatisfiable",
    "UnsupportedFeature",
    "Vocabulary",
    "VocabularyError",
    "limit_memory",
    "warm_up",
]

__version__ = "0.1.0"

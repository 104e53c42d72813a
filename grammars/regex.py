"""Regular expressions: the whole text must match.

The syntax is that of Rust's `regex` crate, which outlines and llguidance use too: `\\d`, `\\w` and `.` know
Unicode, there are no look-arounds and no back-references.
"""

import hashlib
from functools import lru_cache

from constrained.automata.algebra import within
from constrained.automata.dfa import Dfa
from constrained.automata.ecma import compile_pattern
from constrained.automata.rust_parse import parse_rust
from constrained.errors import Unsatisfiable
from constrained.grammar import Terminal
from constrained.matcher import CompiledGrammar
from constrained.vocabulary.vocabulary import Vocabulary


def compile_regex(pattern: str, vocabulary: Vocabulary) -> CompiledGrammar:
    """The grammar of the texts (UTF-8) that match the whole of `pattern`.

    `^` and `$` are allowed and change nothing at the ends. Raises InvalidGrammar for a malformed
    pattern, UnsupportedFeature for the flags `x` and `R` and for anchors under `m`, LimitExceeded for an
    automaton of more than 20,000 rows, Unsatisfiable if no text matches that the vocabulary can spell.
    """
    return grammar_of(pattern_dfa(pattern), vocabulary, b"regex\0" + pattern.encode(), "the pattern")


def grammar_of(dfa: Dfa, vocabulary: Vocabulary, source: bytes, what: str) -> CompiledGrammar:
    """The grammar of the texts of `dfa` that the vocabulary can spell byte by byte.

    Raises Unsatisfiable if there are none; `what` names the input in its message, `source` identifies it.
    """
    if dfa.is_empty:
        raise Unsatisfiable(f"no text matches {what}")
    spelled = within(dfa, vocabulary.alphabet)
    if spelled.is_empty:
        raise Unsatisfiable(f"the vocabulary cannot spell any text that matches {what}")
    fingerprint = hashlib.sha256(source + vocabulary.fingerprint.encode()).hexdigest()
    return CompiledGrammar(Terminal(spelled, what), vocabulary, fingerprint)


@lru_cache(maxsize=256)
def pattern_dfa(pattern: str) -> Dfa:
    """The automaton of the texts that match the whole of `pattern`; raises as `compile_regex`."""
    return compile_pattern(parse_rust(pattern), search=False)

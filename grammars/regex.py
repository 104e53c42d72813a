"""Regular expressions: the whole text must match.

The syntax is that of Rust's `regex` crate, which outlines and llguidance use too: `\\d`, `\\w` and `.` know
Unicode, there are no look-arounds and no back-references.
"""

import hashlib
from collections.abc import Callable, Set
from functools import lru_cache

from constrained.automata.algebra import within
from constrained.automata.counted import Counted
from constrained.automata.dfa import Dfa
from constrained.automata.ecma import compile_pattern
from constrained.automata.rust_parse import parse_rust
from constrained.errors import Unsatisfiable, UnsupportedFeature
from constrained.grammar import Automaton, Node, Terminal
from constrained.matcher import CompiledGrammar
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.long_patterns import is_long, long_pattern


def compile_regex(pattern: str, vocabulary: Vocabulary) -> CompiledGrammar:
    """The grammar of the texts (UTF-8) that match the whole of `pattern`.

    `^` and `$` are allowed and change nothing at the ends. Long repeats are counted where what is repeated
    tells its own end (long_patterns.py), and written out elsewhere. Raises InvalidGrammar for a malformed
    pattern, UnsupportedFeature for the flags `x` and `R` and for anchors under `m`, LimitExceeded for an
    automaton of more than 20,000 rows, Unsatisfiable if no text matches that the vocabulary can spell.
    """
    counted = counted_pattern(pattern, vocabulary.alphabet)
    source = b"regex\0" + pattern.encode()
    if counted is not None:
        return CompiledGrammar(counted, vocabulary, _fingerprint(source, vocabulary))
    return grammar_of(pattern_dfa(pattern), vocabulary, source, "the pattern")


def grammar_of(dfa: Dfa, vocabulary: Vocabulary, source: bytes, what: str) -> CompiledGrammar:
    """The grammar of the texts of `dfa` that the vocabulary can spell byte by byte.

    Raises Unsatisfiable if there are none; `what` names the input in its message, `source` identifies it.
    """
    if dfa.is_empty:
        raise Unsatisfiable(f"no text matches {what}")
    spelled = within(dfa, vocabulary.alphabet)
    if spelled.is_empty:
        raise Unsatisfiable(f"the vocabulary cannot spell any text that matches {what}")
    return CompiledGrammar(Terminal(spelled, what), vocabulary, _fingerprint(source, vocabulary))


def _fingerprint(source: bytes, vocabulary: Vocabulary) -> str:
    return hashlib.sha256(source + vocabulary.fingerprint.encode()).hexdigest()


def counted_pattern(
    pattern: str, alphabet: Set[int], write: Callable[[Automaton], Automaton] = lambda automaton: automaton
) -> Node | None:
    """A pattern with long repeats as a grammar with counters; None where it is better written out.

    `alphabet`: the bytes that can be spelled; `write`: what becomes of each automaton.
    """
    parsed = parse_rust(pattern)
    if not is_long(parsed):
        return None

    def checked(automaton: Automaton) -> Automaton:
        dfa = automaton.meter.dfa if isinstance(automaton, Counted) else automaton
        assert isinstance(dfa, Dfa)
        if dfa.is_empty or within(dfa, alphabet) is not dfa:
            raise UnsupportedFeature("a part that not all texts can be spelled of")
        return write(automaton)

    try:
        return long_pattern(parsed, checked)
    except UnsupportedFeature:
        return None


@lru_cache(maxsize=256)
def pattern_dfa(pattern: str) -> Dfa:
    """The automaton of the texts that match the whole of `pattern`; raises as `compile_regex`."""
    return compile_pattern(parse_rust(pattern), search=False)

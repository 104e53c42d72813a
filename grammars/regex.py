"""Regular expressions: the whole text must match.

The syntax is that of Rust's `regex` crate, which outlines and llguidance use too: `\\d`, `\\w` and `.` know
Unicode, there are no look-arounds and no back-references. Or that of JavaScript (ECMA-262), as in JSON Schema's
`pattern`: `\\d` and `\\w` are ASCII, there are look-arounds, and back-references to groups of few texts.
"""

import hashlib
from collections.abc import Callable, Set
from functools import lru_cache
from typing import Literal

from constrained.automata import ecma_parse
from constrained.automata.algebra import within
from constrained.automata.counted import Counted
from constrained.automata.dfa import Dfa
from constrained.automata.ecma import compile_pattern
from constrained.automata.pattern_ast import Pattern
from constrained.automata.rust_parse import parse_rust
from constrained.errors import Unsatisfiable, UnsupportedFeature
from constrained.grammar import Automaton, Node, Terminal
from constrained.matcher import CompiledGrammar
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.long_patterns import is_long, long_pattern

Syntax = Literal["rust", "ecma"]


def compile_regex(pattern: str, vocabulary: Vocabulary, *, syntax: Syntax = "rust", flags: str = "") -> CompiledGrammar:
    """The grammar of the texts (UTF-8) that match the whole of `pattern`.

    `^` and `$` are allowed and change nothing at the ends. `flags` (`i`, `m`, `s`, `u`) are those of ECMA's
    patterns; Rust's have theirs inside, as in `(?i)`. Long repeats are counted where what is repeated
    tells its own end (long_patterns.py), and written out elsewhere. Raises InvalidGrammar for a malformed
    pattern; UnsupportedFeature for back-references (of ECMA's, to groups of many texts) and, in Rust's syntax,
    the flags `x` and `R` and anchors under `m`; LimitExceeded for an automaton of more than 20,000 rows;
    Unsatisfiable if no text matches that the vocabulary can spell.
    """
    parsed = _parse(pattern, syntax, flags)
    counted = _counted(parsed, vocabulary.alphabet, lambda automaton: automaton)
    source = f"regex\0{syntax}\0{flags}\0{pattern}".encode()
    if counted is not None:
        return CompiledGrammar(counted, vocabulary, _fingerprint(source, vocabulary))
    return grammar_of(_dfa(pattern, syntax, flags), vocabulary, source, "the pattern")


def _parse(pattern: str, syntax: Syntax, flags: str) -> Pattern:
    if syntax == "ecma":
        return ecma_parse.parse(pattern, flags)
    if flags:
        raise UnsupportedFeature("flags beside a pattern in Rust's syntax", hint=f"write them inside: (?{flags})")
    return parse_rust(pattern)


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
    return _counted(parse_rust(pattern), alphabet, write)


def _counted(parsed: Pattern, alphabet: Set[int], write: Callable[[Automaton], Automaton]) -> Node | None:
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


def pattern_dfa(pattern: str) -> Dfa:
    """The automaton of the texts that match the whole of `pattern`; raises as `compile_regex`."""
    return _dfa(pattern, "rust", "")


@lru_cache(maxsize=256)
def _dfa(pattern: str, syntax: Syntax, flags: str) -> Dfa:
    return compile_pattern(_parse(pattern, syntax, flags), search=False)

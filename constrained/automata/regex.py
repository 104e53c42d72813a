"""Regular expressions to automata, through outlines-core.

`outlines_core.Index` compiles a regex against a vocabulary; given the vocabulary of the 256 single
bytes it is a regex -> byte automaton compiler (Rust's regex-automata underneath). Two facts shape
the code:

* patterns end in `\\z`: otherwise alternation is leftmost-first and `1|10` refuses `10`;
* a pattern whose first position looks around (also the `\\z` of one that may be empty) is refused
  there ("anchored universal start state"), so every pattern is compiled behind one extra byte,
  and the automaton starts after it.
"""

import re
from functools import lru_cache

import numpy as np
from outlines_core import Index, Vocabulary

from constrained.automata.algebra import difference, from_table
from constrained.automata.dfa import REFUSES, Dfa
from constrained.errors import InvalidGrammar, LimitExceeded, UnsupportedFeature

_END = 256  # the byte vocabulary's end token; it loops on final states and is dropped
_BEFORE = 0x00  # the extra first byte
_ESCAPE = r"(?s:.)*\u{10FFFF}"  # texts that end in a noncharacter
_LIMIT = 50_000  # rows


@lru_cache(maxsize=1)
def _bytes() -> Vocabulary:
    return Vocabulary(_END, {bytes([byte]): [byte] for byte in range(256)})


def compile_rust(pattern: str, limit: int = _LIMIT) -> Dfa:
    """The automaton of texts (UTF-8) that match the whole of `pattern`, in Rust regex syntax.

    Raises InvalidGrammar for a malformed pattern, UnsupportedFeature for the verbose flag `x` and for
    anchors at the start, and LimitExceeded beyond `limit` rows.
    """
    _check_groups(pattern)
    index = _index(pattern)
    if index is None:
        # A dead end such as y[^\s\S] is an error to outlines-core, and an empty branch to us. Give
        # every state a way out, through texts that nobody writes, and take those away again.
        return difference(compile_rust(f"(?:{pattern})|{_ESCAPE}", limit), compile_rust(_ESCAPE))
    transitions = index.get_transitions()
    if len(transitions) > limit:
        raise LimitExceeded(f"the pattern needs {len(transitions)} rows, more than {limit}: {pattern[:80]!r}")
    start = transitions[index.get_initial_state()][_BEFORE]
    number = _rows(transitions, start)
    step = np.zeros((len(number) + 1, 256), np.int32)
    labels = np.full(len(number) + 1, REFUSES, np.int32)
    for state, row in number.items():
        edges = transitions.get(state, {})
        read = [byte for byte in edges if byte != _END]
        step[row, read] = [number[edges[byte]] for byte in read]
    for state in index.get_final_states():
        if state in number:
            labels[number[state]] = 0
    return from_table(step, labels)


_FLAGS = re.compile(r"\?[a-zA-Z]*x[a-zA-Z]*(-[a-zA-Z]*)?[:)]")


def _check_groups(pattern: str) -> None:
    """Refuse what means something else inside a group behind one byte: `a)|(b`, anchors at the start."""
    open_groups = open_classes = at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == "\\":
            at += 1
            if pattern[at : at + 1] == "A" and not open_classes:
                raise UnsupportedFeature(f"an anchor at the start: {pattern[:80]!r}", hint="the whole text must match")
        elif character == "[":
            open_classes += 1
            at += pattern[at + 1 : at + 2] == "^"
            at += pattern[at + 1 : at + 2] == "]"  # literal there
        elif open_classes:
            open_classes -= character == "]"
        elif character == "^":
            raise UnsupportedFeature(f"an anchor at the start: {pattern[:80]!r}", hint="the whole text must match")
        elif character == "(":
            open_groups += 1
            if _FLAGS.match(pattern, at + 1):
                raise UnsupportedFeature(f"the flag x: {pattern[:80]!r}")
        elif character == ")":
            open_groups -= 1
            if open_groups < 0:
                raise InvalidGrammar(f"not a regular expression: {pattern[:80]!r}: a group is closed, but not opened")
        at += 1


def _index(pattern: str) -> Index | None:
    """outlines-core's automaton of `pattern` behind one extra byte; None where it has a dead end."""
    try:
        return Index(rf"\x00(?:{pattern})\z", _bytes())
    except ValueError as error:
        message = str(error)
        if "no transitions from state" in message:
            return None
        if "size limit" in message or "exceeded" in message:
            raise LimitExceeded(f"the pattern needs too large an automaton: {pattern[:80]!r}") from error
        raise InvalidGrammar(f"not a regular expression: {pattern[:80]!r}: {message}") from error


def _rows(transitions: dict[int, dict[int, int]], start: int) -> dict[int, int]:
    """State -> row, with `start` as START (row 1)."""
    rows = {start: 1}
    for state, edges in transitions.items():
        for target in (state, *edges.values()):
            rows.setdefault(target, len(rows) + 1)
    return rows

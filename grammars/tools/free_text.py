"""Free text that cannot be mistaken for a call: languages of texts without certain markers.

    without(["<tool_call>"])          any UTF-8 text that contains none of the markers
    not_beginning(['{"name": "'])     any UTF-8 text that does not begin with one, after white space

Markers that are control tokens need none of this: text cannot spell them.
"""

from collections import deque
from functools import lru_cache

import numpy as np

from constrained.automata.algebra import concat, difference, from_table, intersect, literals
from constrained.automata.dfa import DEAD, REFUSES, START, Dfa
from constrained.automata.lift import any_text
from constrained.automata.regex import compile_rust
from constrained.grammar import Terminal


@lru_cache(maxsize=256)
def text(without_: tuple[bytes, ...] = (), not_beginning_: tuple[bytes, ...] = ()) -> Terminal:
    """Any text that contains none of the first markers and does not begin with one of the second."""
    language = any_text()
    if without_:
        language = without(without_)
    if not_beginning_:
        language = intersect(language, not_beginning(not_beginning_))
    return Terminal(language, "text")


@lru_cache(maxsize=256)
def without(markers: tuple[bytes, ...]) -> Dfa:
    """The texts that contain none of `markers`."""
    return intersect(any_text(), _avoiding(markers))


@lru_cache(maxsize=64)
def not_beginning(markers: tuple[bytes, ...]) -> Dfa:
    """The texts that do not begin with white space and one of `markers`."""
    begun = concat(compile_rust(r"[ \t\r\n]*"), literals(markers))
    return difference(any_text(), concat(begun, any_text()))


def _avoiding(markers: tuple[bytes, ...]) -> Dfa:
    """The byte strings that contain none of `markers` (A. Aho, M. Corasick, *Efficient string matching*, 1975).

    A row is the longest end of what was read that begins a marker; rows that end a marker are dead.
    """
    step = [[int(START)] * 256, [0] * 256]  # row 0 is DEAD; the trie's own edges first
    complete = {int(DEAD)}
    for marker in markers:
        row = int(START)
        for byte in marker:
            if not step[row][byte]:
                step[row][byte] = len(step)
                step.append([0] * 256)
            row = step[row][byte]
        complete.add(row)
    _link(step, complete)
    table = np.array(step, np.int32)  # (S, 256)
    dead = np.array([row in complete for row in range(len(step))])
    table[dead[table]] = DEAD
    table[DEAD] = DEAD
    labels = np.where(dead, REFUSES, 0).astype(np.int32)
    return from_table(table, labels)


def _link(step: list[list[int]], complete: set[int]) -> None:
    """Fill the edges that leave the trie: where to go on when a marker breaks off."""
    fallback = {int(START): int(START)}
    todo = deque([int(START)])
    while todo:
        row = todo.popleft()
        if fallback[row] in complete:
            complete.add(row)
        for byte in range(256):
            elsewhere = int(START) if row == START else step[fallback[row]][byte]
            target = step[row][byte]
            if target:
                fallback[target] = elsewhere
                todo.append(target)
            else:
                step[row][byte] = elsewhere

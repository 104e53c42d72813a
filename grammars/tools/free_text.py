"""Free text that cannot be mistaken for a call: languages of texts without certain markers.

    without(["<tool_call>"])          any UTF-8 text that contains none of the markers
    not_beginning(['{"name": "'])     any UTF-8 text that does not begin with one, after white space

Markers that are control tokens need none of this: text cannot spell them.
"""

from functools import lru_cache

from constrained.automata.algebra import concat, difference, intersect, literals
from constrained.automata.dfa import Dfa
from constrained.automata.lift import any_text
from constrained.automata.regex import compile_rust
from constrained.grammar import Terminal
from grammars.without_marks import holding


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
    return difference(any_text(), holding(markers))


@lru_cache(maxsize=64)
def before(marker: bytes, without_: tuple[bytes, ...]) -> Terminal:
    """Any text without some markers, and such that `marker` behind it is found where it is: a text before `>>>`
    does not end with `>`.
    """
    overlaps = [marker[:-size] for size in range(1, len(marker)) if marker[:size] == marker[-size:]]
    language = without((marker, *without_))
    if overlaps:
        language = difference(language, concat(any_text(), literals(overlaps)))
    return Terminal(language, "text")


@lru_cache(maxsize=64)
def not_beginning(markers: tuple[bytes, ...]) -> Dfa:
    """The texts that do not begin with white space and one of `markers`."""
    begun = concat(compile_rust(r"[ \t\r\n]*"), literals(markers))
    return difference(any_text(), concat(begun, any_text()))

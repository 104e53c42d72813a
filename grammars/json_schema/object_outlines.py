"""What the members of objects have in common, whichever keys may come: outlines for masks (`grammar.Outline`).

    after "a": 1,      may close    a declared key     an undeclared one
                       "}"          , " UNKNOWN        , "..." UNKNOWN

There are a few dozen of them, shared by all schemas.
"""

from collections.abc import Iterable
from enum import IntEnum
from functools import lru_cache

from constrained.automata.chosen import WORD, one_of
from constrained.automata.lift import any_string
from constrained.grammar import UNKNOWN, Node, Rule, Sequence, Terminal, Unknown
from grammars.json_schema.options import Whitespace, punctuation


class Keys(IntEnum):
    """Which keys may come, as far as outlines tell them apart."""

    NONE = 0
    WORDS = 1  # all begin with a letter, a digit or `_`
    SOME = 2
    ANY = 3  # any text, but for those that are refused


def kind_of(keys: Iterable[bytes]) -> Keys:
    """The kind of keys, as they are written."""
    return Keys.WORDS if all(key[1] in WORD for key in keys) else Keys.SOME


@lru_cache(maxsize=3)
def _begun(whitespace: Whitespace) -> dict[Keys, Sequence]:
    """How keys of a kind begin."""
    quote = Terminal(one_of(frozenset(b'"')), "key")
    return {
        Keys.NONE: (),
        Keys.WORDS: (quote, Unknown(one_of(WORD))),
        Keys.SOME: (quote, UNKNOWN),
        Keys.ANY: (Terminal(any_string(), "key"), Unknown(punctuation(whitespace).colon.automaton)),
    }


@lru_cache(maxsize=256)
def outline(whitespace: Whitespace, declared: Keys, undeclared: Keys, first: bool, closes: bool) -> Node:
    """The members of an object, from its beginning (`first`) or behind another member, that may close or not."""
    marks = punctuation(whitespace)
    keys = [key for key in (_begun(whitespace)[declared], _begun(whitespace)[undeclared]) if key]
    closing = [(marks.close_empty_object if first else marks.close_object,)] if closes else []
    return Rule("members", (*closing, *(key if first else (marks.comma, *key) for key in keys)))


@lru_cache(maxsize=3)
def behind_a_value(whitespace: Whitespace) -> Node:
    """The end of an object, or a comma and another member, of which nobody knows what may come."""
    marks = punctuation(whitespace)
    return Rule("behind a value", ((Unknown(marks.close_object.automaton),), (Unknown(marks.comma.automaton),)))

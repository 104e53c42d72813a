"""A limit on a section of a text, reasoning above all: when it is used up, the section is closed, cleanly.

    <think> Let me see. The user wants | </think> {"city": ...
            `--- at most so many ---'    `- written for the model, then the grammar goes on

The grammar says where a section may end (after a whole character, say). At the limit, the marker that closes it is
forced, cut into tokens as the model's tokenizer cuts it; where the grammar wants something before it, the fewest
tokens that lead there.

A marker that is text can also stand in a string of the answer. So it opens a section only at the very start;
control tokens do anywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from constrained.budget import Budgeted
from constrained.errors import TokenRefused
from constrained.forced import cut
from constrained.matcher import CompiledGrammar, Matcher
from constrained.vocabulary.vocabulary import Vocabulary
from constrained.written import NEVER

Marker = tuple[bytes | int, ...]  # bytes and control tokens
_CONTROL = 256  # as an atom, control token t is this plus t
_BLANK = frozenset(b" \t\r\n")


@dataclass(frozen=True, slots=True)
class Section:
    """What opens and closes it, and whether it is open at the start."""

    opens: Marker
    closes: Marker
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a text is: in the section or not, tokens in it so far, the last atoms, what is left of a forced end."""

    is_open: bool
    used: int = 0
    tail: tuple[int, ...] = ()
    at_start: bool = True
    closing: tuple[int, ...] = ()


class Limited:
    """A matcher in whose `section` at most `most` tokens are written, the closing marker not counted.

    With a budget: `Limited(Budgeted(matcher, max_tokens), ...)`. Where both matter, the budget goes first.
    """

    def __init__(self, inner: Matcher | Budgeted, section: Section, most: int) -> None:
        self._inner = inner
        self._section = section
        self._most = most
        self._opens, self._closes = _atoms(section.opens), _atoms(section.closes)
        self._opens_anywhere = any(atom >= _CONTROL for atom in self._opens)
        self._places = [self._closed_in_time(_Place(section.is_open, at_start=not section.is_open))]

    # ------------------------------------------------------------------ asking

    @property
    def inner(self) -> Matcher | Budgeted:
        """What is limited; to be asked, not moved."""
        return self._inner

    @property
    def matcher(self) -> Matcher:
        """The matcher within; to be asked, not moved."""
        return self._inner.matcher if isinstance(self._inner, Budgeted) else self._inner

    @property
    def tokens(self) -> list[int]:
        """The tokens consumed so far (a copy)."""
        return self._inner.tokens

    @property
    def is_finished(self) -> bool:
        """Has an end token been consumed?"""
        return self._inner.is_finished

    @property
    def in_section(self) -> bool:
        """Is the section open?"""
        return self._places[-1].is_open

    def bitmask(self) -> NDArray[np.uint32]:
        """(W,) the tokens allowed by the grammar; at the limit, the next token of the end of the section alone."""
        closing = self._closing()
        if not closing:
            return self._inner.bitmask()
        words = np.zeros(self._vocabulary.words, np.uint32)
        words[closing[0] >> 5] = 1 << (closing[0] & 31)
        return words

    def unsteered(self) -> NDArray[np.uint32] | None:
        """As the budget's, if there is one: the mask without it, where it has removed some."""
        return self._inner.unsteered() if isinstance(self._inner, Budgeted) and not self._closing() else None

    def may_end(self, kept: int, text: bytes) -> bool:
        """Could the text end after its first `kept` tokens and `text`?"""
        return self._inner.may_end(kept, text)

    def _closing(self) -> tuple[int, ...]:
        """What is left of a forced end; nothing where the budget does not allow it."""
        closing = self._places[-1].closing
        return closing if closing and self._inner.allows(closing[0]) else ()

    # ------------------------------------------------------------------ moving

    def advance(self, token: int) -> None:
        """Consume `token`. Raises TokenRefused, and stays where it is, if it is not allowed."""
        closing = self._closing()
        if closing and token != closing[0]:
            raise TokenRefused(token, len(self.tokens), f"the section is closed after {self._most} tokens")
        self._inner.advance(token)
        place = self._after(self._places[-1], token)
        if closing[1:] and place.is_open:
            place = _Place(True, place.used, place.tail, place.at_start, closing[1:])
        self._places.append(self._closed_in_time(place))

    def rollback(self, count: int) -> None:
        """Take back the last `count` tokens. Raises ValueError if fewer were consumed here."""
        if not 0 <= count < len(self._places):
            raise ValueError(f"cannot take back {count} of {len(self._places) - 1} tokens")
        self._inner.rollback(count)
        del self._places[len(self._places) - count :]

    def fork(self) -> "Limited":
        """An independent one at the same place."""
        other = Limited.__new__(Limited)
        other._inner = self._inner.fork()
        other._section, other._most = self._section, self._most
        other._opens, other._closes, other._opens_anywhere = self._opens, self._closes, self._opens_anywhere
        other._places = self._places.copy()
        return other

    def with_budget(self, max_tokens: int) -> "Limited":
        """The same limit, on a text that ends within `max_tokens` more tokens. Raises BudgetTooSmall."""
        other = self.fork()
        if isinstance(other._inner, Matcher):
            other._inner = Budgeted(other._inner, max_tokens)
        return other

    # ------------------------------------------------------------------ looking ahead

    def forced_bytes(self) -> bytes:
        """The bytes that follow whatever the model thinks; b"" where there is a choice."""
        closing = self._closing()
        return (self._vocabulary.spellings[closing[0]] or b"") if closing else self._inner.forced_bytes()

    def forced_tokens(self) -> list[int]:
        """The tokens that follow whatever the model thinks; often none."""
        return list(self._closing()) or self._inner.forced_tokens()

    # ------------------------------------------------------------------ the section

    @property
    def _vocabulary(self) -> Vocabulary:
        return self.matcher.grammar.vocabulary

    def _after(self, place: _Place, token: int) -> _Place:
        """Where the text is after one more token."""
        spelling = self._vocabulary.spellings[token]
        is_open, tail, at_start = place.is_open, place.tail, place.at_start
        longest = max(len(self._opens), len(self._closes))
        for atom in spelling if spelling is not None else (_CONTROL + token,):
            tail = (*tail, atom)[-longest:]
            if is_open:
                is_open = tail[-len(self._closes) :] != self._closes
            elif (at_start or self._opens_anywhere) and tail[-len(self._opens) :] == self._opens:
                is_open, at_start = True, False
            elif at_start and atom not in _BLANK:
                at_start = self._begins(tail)
        used = place.used + 1 if place.is_open and is_open else 0
        return _Place(is_open, used, tail, at_start)

    def _begins(self, tail: tuple[int, ...]) -> bool:
        """Does `tail` end in the middle of the opening marker?"""
        return any(tail[-size:] == self._opens[:size] for size in range(1, len(self._opens)))

    def _closed_in_time(self, place: _Place) -> _Place:
        """The same, with the end of the section to come, if the limit is reached."""
        if not place.is_open or place.used < self._most or place.closing or self.is_finished:
            return place
        return _Place(True, place.used, place.tail, place.at_start, tuple(self._find_closing(place)))

    def _find_closing(self, place: _Place) -> Sequence[int]:
        """The tokens that close the section."""
        tokens = self._marker()
        after = self.matcher.fork()
        try:
            for token in tokens:
                after.advance(token)
        except TokenRefused:
            return self._shortest_closing(place)
        return tokens

    def _marker(self) -> list[int]:
        """The closing marker in the model's own tokens."""
        tokens: list[int] = []
        for piece in self._section.closes:
            whole = [*self.tokens, *tokens]
            tokens += [piece] if isinstance(piece, int) else cut(self._vocabulary, whole, piece, last=True)
        return tokens

    def _shortest_closing(self, place: _Place) -> Sequence[int]:
        """The first tokens of a shortest way to finish, up to where the section is closed."""
        way = self.matcher.grammar.steering.fewest.way(self.matcher.state, NEVER - 1) or []
        for count, token in enumerate(way, start=1):
            place = self._after(place, token)
            if not place.is_open:
                return way[:count]
        return ()


@dataclass(frozen=True, eq=False)
class LimitedGrammar:
    """A grammar in whose texts at most `most` tokens are written in `section`."""

    grammar: CompiledGrammar
    section: Section
    most: int

    @property
    def vocabulary(self) -> Vocabulary:
        """The grammar's."""
        return self.grammar.vocabulary

    def matcher(self) -> Limited:
        """A new one, at the start."""
        return Limited(self.grammar.matcher(), self.section, self.most)


def _atoms(marker: Marker) -> tuple[int, ...]:
    """A marker as numbers: a byte is itself, control token t is 256 + t."""
    return tuple(atom for piece in marker for atom in (piece if isinstance(piece, bytes) else (_CONTROL + piece,)))

"""Grammars whose rules are expressions over characters: what GBNF and EBNF come to.

    object ::= "{" ws (pair ("," ws pair)*)? "}"

Such grammars spell out everything in characters, numbers and strings included. Matched one character
at a time they would be slow, so what is regular is made an automaton first: rules that do not come
back to themselves, and within the others every stretch without a recursive rule:

    object ::= <"{" ws> ( pair ( <"," ws> pair )* )? <"}">

The rest becomes context-free productions (context_free.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import assert_never

from constrained.automata import algebra
from constrained.automata.code_points import Ranges
from constrained.automata.dfa import REFUSES, START, Dfa
from constrained.automata.ecma import compile_pattern
from constrained.automata.pattern_ast import Choice, One, Pattern, Repeat, Sequence
from constrained.completion import solve
from constrained.errors import GrammarError, InvalidGrammar, LimitExceeded, UnsupportedFeature
from constrained.grammar import Control, Rule, Terminal
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.context_free import Body, Item, lower, strongly_connected

_INLINED = 2_000  # characters of an expression that is made an automaton, names written out
_ROWS = 20_000  # of such an automaton
_COPIES = 1_000  # of a counted repeat that is not regular


@dataclass(frozen=True, slots=True)
class Characters:
    """One character out of a set."""

    points: Ranges


@dataclass(frozen=True, slots=True)
class Then:
    """All parts in order; none is the empty text."""

    parts: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Either:
    """One of the options."""

    options: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Times:
    """At least `least` times, at most `most` times, or without bound."""

    body: "Expression"
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Name:
    """A text of the rule `name`; it is written at `offset`."""

    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class Without:
    """A text of `body` that is none of `other`: regular ones only."""

    body: "Expression"
    other: "Expression"
    offset: int


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """One of some control tokens."""

    control: Control


Expression = Characters | Then | Either | Times | Name | Without | Tokens


def text(literal: str) -> Expression:
    """Exactly `literal`."""
    return Then(tuple(Characters(((ord(letter), ord(letter)),)) for letter in literal))


@dataclass(slots=True)
class Cursor:
    """A place in a text that is being read."""

    source: str
    at: int = 0

    @property
    def next(self) -> str:
        """The next character; empty at the end."""
        return self.source[self.at : self.at + 1]

    def skip(self, expected: str) -> bool:
        """Read `expected`, if it is there."""
        found = self.source.startswith(expected, self.at)
        if found:
            self.at += len(expected)
        return found

    def until(self, end: str, what: str) -> str:
        """Read up to `end`, and past it."""
        stop = self.source.find(end, self.at)
        if stop < 0:
            raise self.wrong(f"unterminated {what}")
        inside, self.at = self.source[self.at : stop], stop + len(end)
        return inside

    def place(self, offset: int | None = None) -> str:
        """`line 3, column 7`."""
        at = self.at if offset is None else offset
        return f"line {self.source.count(chr(10), 0, at) + 1}, column {at - self.source.rfind(chr(10), 0, at)}"

    def wrong(self, message: str, offset: int | None = None, hint: str = "") -> GrammarError:
        """An error here, or at `offset`."""
        return InvalidGrammar(message, where=self.place(offset), hint=hint)


class Rules:
    """Named expressions, and what they come to."""

    def __init__(self, rules: Mapping[str, Expression], source: str, offsets: Mapping[str, int]) -> None:
        """`offsets`: where the rules stand in `source`. Raises InvalidGrammar for a name without a rule."""
        self._rules = dict(rules)
        self._offsets = offsets
        self._cursor = Cursor(source)
        self._uses = {name: _names(expression) for name, expression in self._rules.items()}
        for used in (used for uses in self._uses.values() for used in uses):
            if used.name not in self._rules:
                raise self._cursor.wrong(f"there is no rule {used.name!r}", used.offset)

    def node(self, start: str, vocabulary: Vocabulary) -> Rule:
        """The node of rule `start`. Raises GrammarError: UnsupportedFeature, Unsatisfiable, LimitExceeded."""
        if start not in self._rules:
            raise InvalidGrammar(f"there is no rule {start!r} to start with")
        productions = _Writer(self, vocabulary).productions()
        where = {name: self.place(name) for name in self._offsets}
        node = lower(productions, start, where)
        solve(node)
        return node

    # ------------------------------------------------------------ what is regular

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The characters of the rules that are small and regular, all names written out."""
        edges = {name: [used.name for used in uses] for name, uses in self._uses.items()}
        found: dict[str, int] = {}
        for members in strongly_connected(edges):  # the rules that a rule uses come before it
            name = members[0]
            if len(members) == 1 and name not in edges[name]:
                size = self.size(self._rules[name], found)
                if size is not None:
                    found[name] = size
        return found

    def size(self, expression: Expression, known: dict[str, int] | None = None) -> int | None:
        """The characters of a regular expression; None if it is none, or too large."""
        sizes = self.sizes if known is None else known
        match expression:
            case Characters():
                return 1
            case Then(parts) | Either(parts):
                each = [self.size(part, sizes) for part in parts]
                total = None if None in each else sum(filter(None, each))
            case Times(body, least, most):
                once = self.size(body, sizes)
                total = None if once is None else once * max(1, least, most or 0)
            case Name(name):
                total = sizes.get(name)
            case Without() | Tokens():
                return None
            case _:
                assert_never(expression)
        return total if total is not None and total <= _INLINED else None

    def pattern(self, expression: Expression) -> Pattern:
        """A regular expression without names."""
        match expression:
            case Characters(points):
                return One(points)
            case Then(parts):
                return Sequence(tuple(self.pattern(part) for part in parts))
            case Either((option,)):
                return self.pattern(option)
            case Either(options):
                return Choice(tuple(self.pattern(option) for option in options))
            case Times(body, least, most):
                return Repeat(self.pattern(body), least, most)
            case Name(name):
                return self.pattern(self._rules[name])
            case Without() | Tokens():
                raise UnsupportedFeature("an exception or a token inside an exception is not supported")
            case _:
                assert_never(expression)

    def automaton(self, expression: Expression) -> Dfa:
        """The texts of a regular expression; differences may stand around it, or around its rules."""
        while isinstance(expression, Name) and expression.name not in self.sizes:
            expression = self._rules[expression.name]
        if isinstance(expression, Without):
            return algebra.difference(self.automaton(expression.body), self.automaton(expression.other))
        if self.size(expression) is None:
            raise UnsupportedFeature("an exception is only supported between small regular expressions")
        return compile_pattern(self.pattern(expression), search=False, limit=_ROWS)

    def difference(self, expression: Without) -> Dfa:
        """As `automaton`, with errors that know their place."""
        try:
            return self.automaton(expression)
        except (UnsupportedFeature, RecursionError) as error:
            message = error.message if isinstance(error, GrammarError) else "nested too deeply"
            raise UnsupportedFeature(message, where=self._cursor.place(expression.offset)) from error

    def place(self, name: str) -> str:
        """Where a rule stands."""
        return self._cursor.place(self._offsets[name])

    def items(self) -> Mapping[str, Expression]:
        """The rules."""
        return self._rules


class _Writer:
    """Writes the productions of rules; what is inside an expression gets names of its own."""

    def __init__(self, rules: Rules, vocabulary: Vocabulary) -> None:
        self._rules = rules
        self._alphabet = vocabulary.alphabet
        self._out: dict[str, list[Body]] = {}
        self._made: dict[Expression, Item] = {}

    def productions(self) -> dict[str, list[Body]]:
        try:
            for name, expression in self._rules.items().items():
                self._out[name] = self._bodies(name, expression)
        except RecursionError as error:
            raise LimitExceeded("the grammar is nested too deeply") from error
        return self._out

    def _bodies(self, name: str, expression: Expression) -> list[Body]:
        try:
            return [self._body(option) for option in _options(expression)]
        except LimitExceeded as error:
            raise LimitExceeded(error.message, where=error.where or self._rules.place(name), hint=error.hint) from error

    def _body(self, expression: Expression) -> Body:
        """The items of an expression, stretches that are regular as one."""
        found: list[Item] = []
        stretch: list[Expression] = []
        for part in [*_parts(expression), None]:
            if part is not None and self._fits([*stretch, part]):
                stretch.append(part)
                continue
            if stretch:
                found.append(self._regular(Then(tuple(stretch))))
                stretch = []
            if part is not None:
                if self._fits([part]):
                    stretch.append(part)
                else:
                    found.append(self._item(part))
        return tuple(found)

    def _fits(self, parts: list[Expression]) -> bool:
        return self._rules.size(Then(tuple(parts))) is not None

    def _regular(self, expression: Expression) -> Item:
        if expression not in self._made:
            dfa = compile_pattern(self._rules.pattern(expression), search=False, limit=_ROWS)
            self._made[expression] = self._terminal(dfa)
        return self._made[expression]

    def _terminal(self, dfa: Dfa) -> Item:
        dfa = algebra.within(dfa, self._alphabet)
        if dfa.label(START) == REFUSES:
            return Terminal(dfa)
        nonempty = algebra.difference(dfa, algebra.literal(b""))
        return self._name([(Terminal(nonempty),), ()])

    def _item(self, expression: Expression) -> Item:
        match expression:
            case Name(name):
                return name
            case Tokens(control):
                return control
            case Without():
                return self._terminal(self._rules.difference(expression))
            case Times(body, least, most):
                return self._repeat(body, least, most)
            case _:
                return self._name([self._body(option) for option in _options(expression)])

    def _name(self, bodies: list[Body]) -> str:
        name = f"%{len(self._out)}"
        self._out[name] = bodies
        return name

    def _repeat(self, body: Expression, least: int, most: int | None) -> Item:
        if max(least, most or 0) > _COPIES:
            raise LimitExceeded(f"a repeat of more than {_COPIES} times of something that is not regular")
        once = self._body(body)
        if most is None:
            tail = self._name([])
            self._out[tail] = [(*once, tail), ()]
        else:
            tail = self._name([()])
            for _ in range(most - least):
                tail = self._name([(*once, tail), ()])
        return self._name([(*once * least, tail)])


def _options(expression: Expression) -> tuple[Expression, ...]:
    return expression.options if isinstance(expression, Either) else (expression,)


def _parts(expression: Expression) -> tuple[Expression, ...]:
    return expression.parts if isinstance(expression, Then) else (expression,)


def _names(expression: Expression) -> list[Name]:
    """The names that an expression mentions."""
    found: list[Name] = []
    todo = [expression]
    while todo:
        match todo.pop():
            case Name() as name:
                found.append(name)
            case Then(parts) | Either(parts):
                todo.extend(parts)
            case Times(body):
                todo.append(body)
            case Without(body, other):
                todo += [body, other]
            case _:
                pass
    return found

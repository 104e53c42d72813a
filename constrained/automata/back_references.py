r"""Back-references to groups of few texts: one pattern for each text.

    ^(\d\d)(-?)(\d\d)\2(\d\d)$      group 2 is "" or "-":  ^(\d\d)(\d\d)(\d\d)$|^(\d\d)-(\d\d)-(\d\d)$
    (?:(a)|b)\1                     group 1 is "a", or not taken, and then \1 is empty:  aa|b

In general a back-reference is not regular: `(.+)\1` is refused. Where the group has a bounded number of
texts, a match takes one of them or goes around the group, and in each case the reference is a constant.

Scope. ECMA-262 forgets what a group read with each turn of a repeat around it, and a negated look-around
tells nothing to the outside. So the body of a repeat, and that of a look-around, is a scope of its own: a group
and all its references must be in the same one (references may be further inside). A reference that stands
before the end of its group is empty: nothing has been read yet.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from constrained.automata.code_points import NONE
from constrained.automata.ecma_classes import fold
from constrained.automata.pattern_ast import (
    EMPTY,
    Assertion,
    Choice,
    Look,
    One,
    Pattern,
    Repeat,
    Sequence,
    choice,
    has_assertions,
    sequence,
    size,
)
from constrained.errors import GrammarError

Refuse = Callable[[str, int], GrammarError]  # (what, offset in the pattern)
_Text = tuple[int, ...]
_Texts = frozenset[_Text]

_TEXTS = 64  # of one group
_SIZE = 20_000  # characters of all patterns together


@dataclass(frozen=True, slots=True)
class Group(Sequence):
    """A capturing group, while the pattern is read. It reads what a sequence of its parts does."""

    number: int
    end: int  # offset of its parenthesis


@dataclass(frozen=True, slots=True)
class Reference(Sequence):
    """A back-reference, while the pattern is read. It has no parts."""

    number: int
    at: int  # offset
    ignores_case: bool


_Mark = Group | Reference


def without_references(node: Pattern, refuse: Refuse) -> Pattern:
    """`node` without groups and references; `refuse` makes the error for a reference that is not regular."""
    ends = {mark.number: mark.end for mark in _marks(node) if isinstance(mark, Group)}
    early = [mark for mark in _references(node) if mark.at < ends[mark.number]]
    found = _settled(_replaced(node, dict.fromkeys(early, EMPTY)), refuse)
    for mark in _references(found):
        raise refuse(f"back-reference \\{mark.number} to a group that is repeated or looked for", mark.at)
    return _plain(found)


def _plain(node: Pattern) -> Pattern:
    below = [_plain(one) for one in _below(node)]
    return sequence(below) if isinstance(node, Group) else _rebuilt(node, below)


def _marks(node: Pattern) -> Iterator[_Mark]:
    """The groups and references in `node`, outer ones first."""
    if isinstance(node, Group | Reference):
        yield node
    for below in _below(node):
        yield from _marks(below)


def _references(node: Pattern) -> list[Reference]:
    return [mark for mark in _marks(node) if isinstance(mark, Reference)]


def _below(node: Pattern) -> tuple[Pattern, ...]:
    match node:
        case Sequence(parts) | Choice(parts):
            return parts
        case Repeat(body) | Look(body):
            return (body,)
        case One() | Assertion():
            return ()
        case _:
            assert_never(node)


def _rebuilt(node: Pattern, below: list[Pattern]) -> Pattern:
    """`node` with other children."""
    match node:
        case Group():
            return Group(tuple(below), node.number, node.end)
        case Sequence():
            return Sequence(tuple(below)) if below else node
        case Choice():
            return Choice(tuple(below))
        case Repeat(_, least, most):
            return Repeat(below[0], least, most)
        case Look(_, ahead, negated):
            return Look(below[0], ahead, negated)
        case One() | Assertion():
            return node
        case _:
            assert_never(node)


def _replaced(node: Pattern, by: Mapping[_Mark, Pattern]) -> Pattern:
    if isinstance(node, Group | Reference) and node in by:
        return by[node]
    return _rebuilt(node, [_replaced(below, by) for below in _below(node)])


def _is_scope(node: Pattern) -> bool:
    return isinstance(node, Look) or (isinstance(node, Repeat) and node.most != 1)


def _settled(scope: Pattern, refuse: Refuse) -> Pattern:
    """`scope` without the references whose groups are in it, those of the scopes in it done first."""

    def inner(node: Pattern) -> Pattern:
        return _rebuilt(node, [_settled(one, refuse) if _is_scope(node) else inner(one) for one in _below(node)])

    return _spread(inner(scope), refuse)


def _spread(scope: Pattern, refuse: Refuse) -> Pattern:
    """The patterns for all texts of the groups directly in `scope`, that of the group that ends first done first."""
    wanted = {mark.number: mark for mark in _references(scope)}
    groups = [group for group in _groups(scope) if group.number in wanted]
    if not groups:
        return scope
    group = min(groups, key=lambda one: one.end)
    reference = wanted[group.number]
    found = _texts(sequence(list(group.parts)))
    if found is None or (len(found) + 1) * size(scope) > _SIZE:
        raise refuse(f"back-reference \\{group.number}", reference.at)
    ways = [_with(scope, group, text) for text in sorted(found)]
    if not _is_certain(scope, group):
        ways.append(_with(scope, group, None))
    return choice([_spread(way, refuse) for way in ways]) if ways else One(NONE)


def _groups(node: Pattern) -> Iterator[Group]:
    """The groups directly in a scope."""
    if isinstance(node, Group):
        yield node
    if not _is_scope(node):
        for below in _below(node):
            yield from _groups(below)


def _is_certain(node: Pattern, group: Group) -> bool:
    """Does every match take the group?"""
    if node is group:
        return True
    if isinstance(node, Choice) or (isinstance(node, Repeat) and not node.least) or _is_scope(node):
        return False
    return any(_is_certain(below, group) for below in _below(node))


def _with(scope: Pattern, group: Group, text: _Text | None) -> Pattern:
    """`scope` where the group reads `text`, or is not taken (None), and its references are constants."""
    constants: dict[_Mark, Pattern] = {
        mark: _constant(text or (), mark.ignores_case) for mark in _references(scope) if mark.number == group.number
    }
    constants[group] = One(NONE) if text is None else _constant(text, ignores_case=False)
    taken = scope if text is None else _taking(scope, group)
    before = {mark.number for mark in _marks(scope) if isinstance(mark, Group)}
    found = _replaced(taken, constants)
    lost = before - {mark.number for mark in _marks(found) if isinstance(mark, Group)}
    never = [mark for mark in _references(found) if mark.number in lost]
    return _replaced(found, dict.fromkeys(never, EMPTY))


def _constant(text: _Text, ignores_case: bool) -> Pattern:
    letters = [((code, code),) for code in text]
    return sequence([One(fold(points) if ignores_case else points) for points in letters])


def _taking(node: Pattern, group: Group) -> Pattern:
    """`node` without the ways around the group."""
    if node is group or not any(mark is group for mark in _marks(node)):
        return node
    match node:
        case Choice(options):
            return next(_taking(option, group) for option in options if any(mark is group for mark in _marks(option)))
        case Repeat(body):
            return _taking(body, group)
        case _:
            return _rebuilt(node, [_taking(below, group) for below in _below(node)])


def _texts(node: Pattern) -> _Texts | None:
    """The texts of a pattern; None where they are many, or depend on what is around."""
    if has_assertions(node):
        return None
    match node:
        case One(points):
            count = sum(last - first + 1 for first, last in points)
            return (
                frozenset((c,) for first, last in points for c in range(first, last + 1)) if count <= _TEXTS else None
            )
        case Sequence(parts):
            return _one_after_another([_texts(part) for part in parts])
        case Choice(options):
            return _any_of([_texts(option) for option in options])
        case Repeat(body, least, most) if most is not None and most <= _TEXTS:
            texts = _texts(body)
            return _any_of([_one_after_another([texts] * count) for count in range(least, most + 1)])
        case _:
            return None


def _few(texts: _Texts) -> _Texts | None:
    return texts if len(texts) <= _TEXTS else None


def _any_of(options: list[_Texts | None]) -> _Texts | None:
    known = [texts for texts in options if texts is not None]
    return _few(frozenset[_Text]().union(*known)) if len(known) == len(options) else None


def _one_after_another(parts: list[_Texts | None]) -> _Texts | None:
    found: _Texts | None = frozenset({()})
    for part in parts:
        if found is None or part is None:
            return None
        found = _few(frozenset(text + more for text in found for more in part))
    return found

"""How many alternatives a rule has once Lark has written out what is optional in it.

    start: A? B? ("c" | "d")       A B "c" | A B "d" | A "c" | ...        2 * 2 * 2 = 8

Sixty options in a row are 2^60 alternatives, which Lark would begin to write down. They are counted before.
"""

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any, cast

from lark import Tree
from lark.load_grammar import REPEAT_BREAK_THRESHOLD, SMALL_FACTOR_THRESHOLD

from constrained.errors import LimitExceeded
from grammars.lark.dialect import Dialect

MOST = 50_000  # alternatives of one rule


def check_rules(rules: Iterable[Sequence[Any]], dialect: Dialect) -> None:
    """Raise LimitExceeded, with its place, for a rule of too many alternatives; as Lark's loader defines them."""
    for name, _, tree, _ in rules:
        if _Counter().of(tree) > MOST:
            place = dialect.places.find(rf"^[ \t]*(?P<here>[?!]*{name}\b)(?=[^\n]*:)")
            message = f"rule {str(name)!r} has more than {MOST} alternatives when its options are written out"
            raise LimitExceeded(message, where=place, hint="make rules of their own of some")


class _Counter:
    """The alternatives of one rule; `_most`: those of a rule that Lark makes of what is repeated in it."""

    def __init__(self) -> None:
        self._most = 1

    def of(self, tree: object) -> int:
        """Of a rule, or of the largest that Lark makes of its parts."""
        return max(self._count(tree), self._most)

    def _count(self, tree: object) -> int:
        if not isinstance(tree, Tree):
            return 1
        parts = cast("list[object]", tree.children)
        match str(tree.data):
            case "expansions":
                return sum(map(self._count, parts))
            case "expansion":
                return min(prod(map(self._count, parts)), MOST + 1)
            case "alias":
                return self._count(parts[0])
            case "maybe":
                return 1 + self._count(parts[0])
            case "expr":
                return self._repeated(self._count(parts[0]), [str(part) for part in parts[1:]])
            case _:
                return 1

    def _repeated(self, once: int, how: list[str]) -> int:
        """What stands behind one of ? + * ~n ~n..m has so many."""
        match how:
            case ["?"]:
                return once + 1
            case ["+"] | ["*"]:
                self._most = max(self._most, 2 * once)
                return 1 + (how == ["*"])
            case ["~", low, *high]:
                least, most = int(low), int((high or [low])[0])
                if most < REPEAT_BREAK_THRESHOLD:
                    return sum(min(once**times, MOST + 1) for times in range(least, most + 1))
                self._most = max(self._most, min(once ** (2 * SMALL_FACTOR_THRESHOLD), MOST + 1))
                return 1
            case _:
                return 1

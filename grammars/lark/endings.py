"""Shortest ways to the end of a sentence, from a parser's stack.

`Ahead` says how many bytes are still to come at least, guards forgotten; it leads the search for a text
that the scanner, too, cuts as intended (`Machine.completion`).

A stack is in the middle of rules; to be done with one of them, write what is left of it, take what was
read off the stack, and go on as if its origin had just been read:

    stack  ... expr "+" term .   rule  expr: expr "+" term .      ahead = 0   + ahead(... expr)
                                 rule  term: term . "*" factor    ahead = 2   + ahead(... expr "+" term)
"""

from collections.abc import Iterable, Mapping

from lark.grammar import Rule

from constrained.deadline import look
from grammars.lark.lalr import Stack, Tables
from grammars.lark.lookahead import END, ROOT, Item, Reduction

_FAR = 1 << 40


def least_lengths(rules: Iterable[Rule], terminals: Mapping[str, int]) -> dict[str, int]:
    """The length of the shortest text of every symbol, given those of the terminals."""
    lengths = dict(terminals)
    rules = list(rules)
    while True:
        look()
        shorter = dict[str, int]()
        for rule in rules:
            size = sum(lengths.get(symbol.name, _FAR) for symbol in rule.expansion)
            if size < min(lengths.get(rule.origin.name, _FAR), shorter.get(rule.origin.name, _FAR)):
                shorter[rule.origin.name] = size
        if not shorter:
            return lengths
        lengths |= shorter


class Ahead:
    """`ahead` of stacks; what is found is kept on them."""

    def __init__(self, tables: Tables, lengths: Mapping[str, int]) -> None:
        self._tables = tables
        self._items = [
            [(item, sum(lengths[name] for name in item.left if name != END)) for item in kernel]
            for kernel in tables.kernels
        ]

    def of(self, stack: Stack) -> int:
        """The length of the shortest rest of a sentence."""
        held: dict[Stack, list[tuple[int, Stack | None]]] = {}
        todo = [stack]
        while stack.ahead is None:
            look()
            here = todo.pop()
            if here.ahead is not None:
                continue
            level = self._level(here, held)
            deeper = {after for one in level for _, after in held[one] if after is not None and after not in level}
            if unknown := [after for after in deeper if after.ahead is None]:
                todo += [here, *unknown]
            else:
                self._settle(level, held)
        return stack.ahead

    def _level(self, stack: Stack, held: dict[Stack, list[tuple[int, Stack | None]]]) -> list[Stack]:
        """The stacks that differ from `stack` in their top alone and that finishing a rule may lead to."""
        level = [stack]
        for one in level:
            if one not in held:
                held[one] = [self._finished(one, item, size) for item, size in self._items[one.state]]
            level += [s for _, s in held[one] if s is not None and s.below is stack.below and s not in level]
        return level

    def _finished(self, stack: Stack, item: Item, size: int) -> tuple[int, Stack | None]:
        """What it takes to finish a rule, and the stack after it; None at the end of the sentence."""
        if END in item.left or item.origin == ROOT:
            return size, None
        return size, self._tables.reduce(stack, Reduction(item.origin, item.read))

    def _settle(self, level: list[Stack], held: dict[Stack, list[tuple[int, Stack | None]]]) -> None:
        best = dict.fromkeys(level, _FAR)
        changed = True
        while changed:
            changed = False
            for one in level:
                for size, after in held[one]:
                    total = size + (0 if after is None else best.get(after, after.ahead or 0))
                    if total < best[one]:
                        best[one], changed = total, True
        for one in level:
            one.ahead = best[one]

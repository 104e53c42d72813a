"""Where no guard stands in the way: pairs of a parser state and a guard from which every sentence can be written down.

    (after NAME, [0-9a-z])    reads " ", which leaves (after NAME, any), which reads NAME, NUMBER, ...

A pair is free when each terminal of its state can be read, perhaps after ignored text, and leads to free pairs
only. The free pairs are the largest set with that property: all that can be reached, less those that are bound,
until none is.
"""

from collections.abc import Callable, Set

from constrained.deadline import look
from constrained.errors import LimitExceeded
from grammars.lark.lalr import Tables
from grammars.lark.lookahead import END
from grammars.lark.scanner import Guard, Lexing

_PAIRS = 20_000  # looked at

Pair = tuple[int, Guard]  # parser state, guard


def free_pairs(
    tables: Tables, start: Pair, ignored: Set[str], controls: Set[str], lexing: Callable[[int, Guard], Lexing]
) -> Set[Pair]:
    """The free pairs among those that `start` leads to.

    ignored, controls  names of terminals
    lexing             the lexemes in a pair
    """
    leads: dict[Pair, dict[str, set[Guard]]] = {}  # by terminal, the guards that its lexemes leave
    todo = [start]
    for pair in todo:
        look()
        if pair in leads:
            continue
        if len(leads) > _PAIRS:
            raise LimitExceeded(f"more than {_PAIRS} pairs of parser state and guard", hint='lexer="dynamic"')
        state, _ = pair
        leads[pair] = {name: {None} for name in controls if name in tables.accepts[state]}
        for name, left in lexing(*pair).outcomes:
            leads[pair].setdefault(name, set()).add(left)
        for name, lefts in leads[pair].items():
            states = {state} if name in ignored else tables.shifts[name]
            todo.extend((target, left) for target in states for left in lefts)
    free = set(leads)

    def leads_on(name: str, lefts: Set[Guard]) -> bool:
        return any(all((target, left) in free for target in tables.shifts[name]) for left in lefts)

    def is_free(pair: Pair) -> bool:
        look()
        state, _ = pair
        wanted = set(tables.accepts[state]) - {END} - ignored
        seen, todo = {pair}, [pair]  # with what is left after ignored text
        while todo and wanted:
            found = leads[todo.pop()]
            wanted -= {name for name in wanted & found.keys() if leads_on(name, found[name])}
            more = {(state, left) for name in ignored & found.keys() for left in found[name]} - seen
            seen |= more
            todo.extend(more)
        return not wanted

    while bound := {pair for pair in free if not is_free(pair)}:
        free -= bound
    return free

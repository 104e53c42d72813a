"""Where no guard stands in the way: pairs of a parser state and a guard from which every sentence can be written down.

    (after NAME, [0-9a-z])    reads " ", which leaves (after NAME, any), which reads NAME, NUMBER, ...

A pair is free when each terminal of its state can be read, perhaps after ignored text, and leads to free pairs
only. The free pairs are the largest set with that property: all that can be reached, less those that are bound,
until none is.
"""

from collections.abc import Callable, Mapping, Set

from constrained.deadline import look
from constrained.errors import LimitExceeded
from grammars.lark.lalr import Tables
from grammars.lark.lookahead import END
from grammars.lark.scanner import Guard, Lexing

_PAIRS = 20_000  # looked at

Pair = tuple[int, Guard]  # parser state, guard
Leads = Mapping[str, Set[Guard]]  # by terminal, the guards that its lexemes leave


def free_pairs(
    tables: Tables, start: Pair, ignored: Set[str], controls: Set[str], lexing: Callable[[int, Guard], Lexing]
) -> Set[Pair]:
    """The free pairs among those that `start` leads to.

    ignored, controls  names of terminals
    lexing             the lexemes in a pair
    """
    leads: dict[Pair, Leads] = {}
    known: dict[tuple[Lexing, frozenset[str]], Leads] = {}
    followed: set[tuple[str, Guard]] = set()  # whose pairs are in `todo`: they are the same after every pair
    todo = [start]
    for pair in todo:
        look()
        if pair in leads:
            continue
        if len(leads) > _PAIRS:
            raise LimitExceeded(f"more than {_PAIRS} pairs of parser state and guard", hint='lexer="dynamic"')
        state, guard = pair
        key = lexing(state, guard), frozenset(controls & tables.accepts[state])
        found = known.get(key)
        if found is None:
            found = known[key] = _leads(*key)
            for name, lefts in found.items():
                for left in lefts if name not in ignored else ():
                    if (name, left) not in followed:
                        followed.add((name, left))
                        todo.extend((target, left) for target in tables.shifts[name])
        leads[pair] = found
        todo.extend((state, left) for name in ignored & found.keys() for left in found[name])
    free = set(leads)
    while bound := _bound(leads, free, tables, ignored):
        free -= bound
    return free


def _leads(lexing: Lexing, controls: frozenset[str]) -> Leads:
    found: dict[str, set[Guard]] = {name: {None} for name in controls}
    for name, left in lexing.outcomes:
        found.setdefault(name, set()).add(left)
    return found


def _bound(leads: dict[Pair, Leads], free: Set[Pair], tables: Tables, ignored: Set[str]) -> set[Pair]:
    """Those of the pairs thought to be free that do not lead to such pairs only."""
    good: dict[tuple[str, Guard], bool] = {}  # does a lexeme that leaves this guard lead to free pairs only?
    names: dict[int, set[str]] = {}  # by what a pair leads to: the terminals that lead to free pairs only

    def leads_on(name: str, lefts: Set[Guard]) -> bool:
        for left in lefts:
            if (name, left) not in good:
                good[name, left] = all((target, left) in free for target in tables.shifts[name])
            if good[name, left]:
                return True
        return False

    def leading(found: Leads) -> set[str]:
        if id(found) not in names:
            names[id(found)] = {name for name, lefts in found.items() if name not in ignored and leads_on(name, lefts)}
        return names[id(found)]

    def is_free(pair: Pair) -> bool:
        look()
        state, _ = pair
        wanted = set(tables.accepts[state]) - {END} - ignored - leading(leads[pair])
        seen, todo = {pair}, [pair]  # with what is left after ignored text
        while todo and wanted:
            found = leads[todo.pop()]
            wanted -= leading(found)
            more = {(state, left) for name in ignored & found.keys() for left in found[name]} - seen
            seen |= more
            todo.extend(more)
        return not wanted

    return {pair for pair in free if not is_free(pair)}

"""The subset construction: positions to a deterministic automaton over letters.

A state is the set of positions just read, one integer. `reach` is where they may go next; reading
letter m leaves `reach & reads[m]`. Patterns with assertions need more (see `look_around`).

    a(b|c)*:   {0} -a-> {1} -b-> {2} -b-> {2}
                         \\-c-> {3} -b-> {2}      {2} and {3} accept the same: minimisation merges them

The number of states can be exponential in the pattern, so both states and work are bounded.
"""

from collections.abc import Callable, Hashable
from typing import TypeVar

from constrained.automata.positions import ALWAYS, Positions
from constrained.automata.utf8 import too_many_rows
from constrained.errors import LimitExceeded

Steps = tuple[list[list[int]], list[bool]]  # step[state][letter] -> state, and which states accept
WORK = 4_000_000  # positions visited, roughly 0.1 us each

State = TypeVar("State", bound=Hashable)


def determinise(compiled: Positions, limit: int) -> Steps:
    """Subset construction for a pattern without assertions; state 0 is dead, state 1 the start.

    Raises LimitExceeded beyond `limit` states or `WORK` steps.
    """
    follow = [edges.get(ALWAYS, 0) for edges in compiled.follow]
    final = sum(1 << position for position, conditions in enumerate(compiled.final) if conditions)
    endless, reads = compiled.endless, compiled.reads
    width = 1 + len(follow) // 512  # operations on long sets cost more
    number = {0: 0, 1: 1}
    todo, step, accepts, work = [1], [[0] * len(reads)], [False], 0
    for state in todo:
        reach, rest = 0, state
        while rest:
            low = rest & -rest
            reach |= follow[low.bit_length() - 1]
            rest ^= low
        work += (len(reads) + state.bit_count()) * width
        if work > WORK:
            raise too_ambiguous()
        row = list[int]()
        for letter in reads:
            after = reach & letter
            if after & endless:
                after &= endless  # everything matches from here on
            if after not in number:
                number[after] = len(number)
                todo.append(after)
            row.append(number[after])
        if len(number) > limit:
            raise too_many_rows(limit)
        step.append(row)
        accepts.append(bool(state & final))
    return step, accepts


def explore(
    start: State, letters: int, follow: Callable[[State, int], State | None], ends: Callable[[State], bool], limit: int
) -> Steps:
    """All states reachable from `start`; `follow` returns None where a letter is refused."""
    number: dict[State | None, int] = {None: 0, start: 1}
    todo, step, accepts = [start], [[0] * letters], [False]
    for state in todo:
        row = list[int]()
        for letter in range(letters):
            after = follow(state, letter)
            if after not in number:
                number[after] = len(number)
                if after is not None:
                    todo.append(after)
            row.append(number[after])
        if len(number) > limit:
            raise too_many_rows(limit)
        step.append(row)
        accepts.append(ends(state))
    return step, accepts


def too_ambiguous() -> LimitExceeded:
    """The error of a construction that takes too long."""
    return LimitExceeded("the pattern is too ambiguous to compile", hint="shorten counted repeats or anchor it")

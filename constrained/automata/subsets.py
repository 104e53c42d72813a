"""The subset construction: positions to a deterministic automaton over letters.

A state is the set of positions just read, as bits. `reach` is where they may go next; reading
letter m leaves `reach & reads[m]`. Patterns with assertions need more (see `look_around`).

    a(b|c)*:   {0} -a-> {1} -b-> {2} -b-> {2}
                         \\-c-> {3} -b-> {2}      {2} and {3} accept the same: minimisation merges them

The number of states can be exponential in the pattern, so both states and work are bounded.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from constrained.automata.jit import kernel, kernel_part
from constrained.automata.positions import ALWAYS, Positions
from constrained.automata.products import longer
from constrained.automata.utf8 import Accepts, Step, too_many_rows
from constrained.errors import LimitExceeded

Words = NDArray[np.uint64]  # (S, W): sets of positions
Steps = tuple[Step, Accepts]
_ROOM = 256  # states, to begin with
WORK = 4_000_000  # positions visited, roughly 0.1 us each

State = TypeVar("State", bound=Hashable)


def determinise(compiled: Positions, limit: int) -> Steps:
    """Subset construction for a pattern without assertions; state 0 is dead, state 1 the start.

    Raises LimitExceeded beyond `limit` states or `WORK` steps.
    """
    follow = [edges.get(ALWAYS, 0) for edges in compiled.follow]
    final = sum(1 << position for position, conditions in enumerate(compiled.final) if conditions)
    words = 1 + len(follow) // 64
    tables = _as_words(follow, words), _as_words(compiled.reads, words), _as_words([final, compiled.endless], words)
    room, work, head, tail = min(_ROOM, limit + 1), 0, 1, 2
    sets, step = _as_words([0, 1], words, room), np.zeros((room, len(compiled.reads)), np.int32)
    accepts = np.zeros(room, np.bool_)
    while True:
        where = np.zeros(2 << room.bit_length(), np.int32)
        head, tail, work = _subsets(*tables, sets, step, accepts, where, head, tail, work, WORK)
        if work > WORK:
            raise too_ambiguous()
        if tail > limit or (head < tail and room > limit):
            raise too_many_rows(limit)
        if head == tail:
            return step[:tail], accepts[:tail]
        room = min(4 * room, limit + 1)
        sets, step, accepts = longer(sets, room), longer(step, room), longer(accepts, room)


def _as_words(sets: Sequence[int], words: int, rows: int = 0) -> Words:
    """(rows, words): bit p % 64 of word p // 64 of a row is position p; at least as many rows as sets."""
    size = 8 * words
    written = b"".join([one.to_bytes(size, "little") for one in sets]).ljust(rows * size, b"\0")
    return np.frombuffer(bytearray(written), np.uint64).reshape(-1, words)


@kernel
def _subsets(
    follow: Words,
    reads: Words,
    ends: Words,
    sets: Words,
    step: NDArray[np.int32],
    accepts: NDArray[np.bool_],
    where: NDArray[np.int32],
    head: int,
    tail: int,
    work: int,
    most: int,
) -> tuple[int, int, int]:
    """Go on from state `head` of `tail` that were met, as far as there is room, and `work` for it: all three.

    follow (P, W), reads (M, W), sets (S, W), step (S, M), accepts (S,). `ends` (2, W) are the positions where the text
    may end, and those from where everything matches. `where` is zeros, twice as many as states at least.
    """
    for state in range(1, tail):
        where[_slot(where, sets, sets[state])] = state
    reach, after, endless = np.zeros_like(sets[0]), np.zeros_like(sets[0]), np.zeros_like(sets[0])
    width = 1 + follow.shape[0] // 512  # operations on long sets cost more
    while head < tail and work <= most:
        members = _fill_reach(follow, sets[head], reach)
        for letter in range(reads.shape[0]):
            if not _meet(reach, reads[letter], after):
                continue
            if _meet(after, ends[1], endless):
                after[:] = endless
            slot = _slot(where, sets, after)
            if where[slot] == 0:
                if tail == sets.shape[0]:
                    return head, tail, work
                sets[tail] = after
                where[slot] = tail
                tail += 1
            step[head, letter] = where[slot]
        accepts[head] = _meet(sets[head], ends[0], after)
        work += (reads.shape[0] + members) * width
        head += 1
    return head, tail, work


@kernel_part
def _fill_reach(follow: Words, state: NDArray[np.uint64], reach: NDArray[np.uint64]) -> int:
    """`reach`: where the positions of a state may go next; how many these are."""
    reach[:] = 0
    members = 0
    for word in range(state.shape[0]):
        left, place = state[word], word * 64
        while left != 0:
            if left & np.uint64(1):
                members += 1
                for k in range(reach.shape[0]):
                    reach[k] |= follow[place, k]
            left >>= np.uint64(1)
            place += 1
    return members


@kernel_part
def _meet(a: NDArray[np.uint64], b: NDArray[np.uint64], into: NDArray[np.uint64]) -> bool:
    """`into`: what is in both sets; is there anything?"""
    some = False
    for word in range(a.shape[0]):
        into[word] = a[word] & b[word]
        some = some or into[word] != 0
    return some


@kernel_part
def _slot(where: NDArray[np.int32], sets: Words, wanted: NDArray[np.uint64]) -> int:
    """Open addressing: where the state of a set is noted, or a free place (0) for it."""
    key = np.uint64(0)
    for word in wanted:
        key = (key ^ word) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(32)
    slot = int(np.int64(key & np.uint64(where.shape[0] - 1)))
    while where[slot] != 0:
        k = 0
        while k < wanted.shape[0] and sets[where[slot], k] == wanted[k]:
            k += 1
        if k == wanted.shape[0]:
            break
        slot = (slot + 1) & (where.shape[0] - 1)
    return slot


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

"""Which beginnings of prompts are known already.

    turn 1   [system, tools, question]                          read; kept with its answer when that is complete
    turn 2   [system, tools, question, answer, tool result]     reads the tool result only
    another  [system, tools, other question]                    reads the question: what is kept is cut

An entry whose layers can all be cut serves any of its beginnings; others (recurrent states, full sliding
windows) serve only prompts that continue them. So where a prompt is found to part from an earlier one, what
holds so far is kept on its own, and the next one that gets there starts from it. What is kept is bounded in
bytes; the entry that served longest ago goes first. (The keys and values are in `rows.py`; here are only
their numbers.)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What is kept for `tokens`."""

    number: int
    tokens: NDArray[np.int64]  # (N,)
    nbytes: int
    trimmable: bool

    def serves(self, prompt: NDArray[np.int64]) -> int:
        """How many tokens of `prompt` it knows."""
        common = common_prefix(self.tokens, prompt)
        return common if self.trimmable or common == len(self.tokens) else 0


class Prefixes:
    """The entries that are kept, at most `max_bytes` of them."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: list[Entry] = []  # the one that served last is last
        self.nbytes = 0

    def find(self, prompt: Sequence[int] | NDArray[np.int64]) -> tuple[int, int] | None:
        """The entry that knows most of the first tokens of `prompt`, and how many.

        The last token is left over: a model must read something to say something.
        """
        tokens = np.asarray(prompt[:-1], np.int64)
        served = [(entry.serves(tokens), place) for place, entry in enumerate(self._entries)]
        length, place = max(served, default=(0, 0))
        if not length:
            return None
        entry = self._entries.pop(place)
        self._entries.append(entry)
        return entry.number, length

    def seen(self, prompt: NDArray[np.int64]) -> int:
        """How many of the first tokens of `prompt` an earlier one had, whether its entry serves or not."""
        return max((common_prefix(entry.tokens, prompt[:-1]) for entry in self._entries), default=0)

    def keep(self, number: int, tokens: Sequence[int], nbytes: int, *, trimmable: bool) -> list[int]:
        """Note a new entry; return the entries, perhaps this one, that are no longer worth their bytes."""
        entry = Entry(number, np.array(tokens, np.int64), nbytes, trimmable)
        dropped = [other for other in self._entries if _is_covered(other, entry)]
        self._entries.append(entry)
        self.nbytes += nbytes
        for other in dropped:
            self._drop(other)
        while self.nbytes > self._max_bytes:
            dropped.append(self._entries[0])
            self._drop(self._entries[0])
        return [other.number for other in dropped]

    def clear(self) -> None:
        """Forget all entries."""
        self._entries.clear()
        self.nbytes = 0

    def _drop(self, entry: Entry) -> None:
        self._entries.remove(entry)
        self.nbytes -= entry.nbytes


def common_prefix(one: NDArray[np.int64], other: NDArray[np.int64]) -> int:
    """How many of the first tokens agree."""
    shared = min(len(one), len(other))
    different = np.flatnonzero(one[:shared] != other[:shared])
    return int(different[0]) if different.size else shared


def _is_covered(old: Entry, new: Entry) -> bool:
    """Can `new` do all that `old` could?"""
    common = common_prefix(old.tokens, new.tokens)
    return common == len(old.tokens) and (new.trimmable or common == len(new.tokens))

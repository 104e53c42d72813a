"""Long texts as trees: what is repeated is there once.

A shortest text may be longer than any memory: `minItems: 1000000`, or forty schemas of which each holds two
of the next. Its length is all that most who ask for it want to know, and costs nothing here:

    [null, null, null]        Joined(("[", "null", Joined((", ", "null"), times=2), "]"))     18 bytes

Nobody is refused for a length, only where the bytes themselves are wanted (`written`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from constrained.errors import LimitExceeded

LONGEST = 1 << 24  # bytes that are written


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """`parts` in a row, the whole `times` times."""

    parts: "tuple[Rope, ...]"
    times: int
    size: int


Rope = bytes | Joined


def joined(parts: "Iterable[Rope]", times: int = 1) -> Rope:
    """The parts in a row, so many times."""
    kept = tuple(part for part in parts if size(part))
    if times == 1 and len(kept) == 1:
        return kept[0]
    return Joined(kept, times, times * sum(map(size, kept))) if kept and times else b""


def size(rope: Rope) -> int:
    """How many bytes it has."""
    return len(rope) if isinstance(rope, bytes) else rope.size


def written(rope: Rope) -> bytes:
    """Its bytes. Raises LimitExceeded for more than `LONGEST`."""
    if size(rope) > LONGEST:
        raise LimitExceeded(f"the shortest way to go on has {size(rope)} bytes, more than {LONGEST}")
    found: list[bytes] = []
    todo = [rope]
    while todo:
        one = todo.pop()
        if isinstance(one, bytes):
            found.append(one)
        elif one.times == 1:
            todo.extend(reversed(one.parts))
        else:
            found.append(written(joined(one.parts)) * one.times)
    return b"".join(found)

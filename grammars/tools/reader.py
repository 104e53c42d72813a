"""Reading a stream that stops anywhere: parsers as generators that ask for one atom at a time.

A parser is written as if the whole text were there (`atom = yield from reader.get()`); the stream is
pushed into it with `push`, and it runs until it needs more. What it finds, it emits as it goes.

    hold    text is passed on as soon as no marker can begin in it:   "Sure <tool" | "_call>"
            "Sure " is emitted, "<tool" is held, and then turns out to be a marker
"""

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

from grammars.tools.markers import Atoms

K = TypeVar("K")
T = TypeVar("T")

END = -1  # instead of an atom: the stream is over

Parser = Generator[None, int, T]


class StreamEndedError(Exception):
    """The stream is over; parsers are left through this wherever they are."""


class FramingError(Exception):
    """The stream is not what the grammar allows: a defect, not the model's fault."""


class Reader:
    """Atoms, with a place to put some back."""

    def __init__(self) -> None:
        self._back: list[int] = []

    def get(self) -> Parser[int]:
        """The next atom. Raises StreamEndedError instead of END."""
        atom = self._back.pop() if self._back else (yield)
        if atom == END:
            self._back.append(END)
            raise StreamEndedError
        return atom

    def put_back(self, atoms: Sequence[int]) -> None:
        """Read these again, in this order."""
        self._back.extend(reversed(atoms))

    def expect(self, marker: Atoms) -> Parser[None]:
        """Exactly `marker`."""
        for wanted in marker:
            found = yield from self.get()
            if found != wanted:
                raise FramingError(f"expected {describe(marker)}, found {describe((found,))}")

    def choose(self, options: dict[K, Atoms]) -> Parser[K]:
        """Whichever of the markers comes; the longest, where one is the beginning of another."""
        left = options
        read: list[int] = []
        complete: tuple[K, int] | None = None
        while left:
            for key, marker in left.items():
                if len(marker) == len(read):
                    complete = key, len(read)
            left = {key: marker for key, marker in left.items() if len(marker) > len(read)}
            if left:
                atom = yield from self.get()
                left = {key: marker for key, marker in left.items() if marker[len(read)] == atom}
                read.append(atom)
        if complete is None:
            markers = " or ".join(map(describe, options.values()))
            raise FramingError(f"expected {markers}, found {describe(tuple(read))}")
        key, length = complete
        self.put_back(read[length:])
        return key

    def until(self, stops: Sequence[Atoms], emit: Callable[[bytes], None]) -> Parser[Atoms]:
        """Emit bytes up to the first of `stops`; returns which. What is held is emitted if the stream ends."""
        starts = {stop[0] for stop in stops if stop}
        held: list[int] = []
        try:
            while True:
                atom = yield from self.get()
                if not held and atom not in starts:
                    emit(bytes((atom,)))
                    continue
                held.append(atom)
                for stop in stops:
                    if len(held) == len(stop) and tuple(held) == stop:
                        return stop
                while held and not any(_begins(stop, held) for stop in stops):
                    emit(bytes((held.pop(0),)))
        except StreamEndedError:
            if held:
                emit(bytes(held))
            raise


def _begins(stop: Atoms, held: list[int]) -> bool:
    return len(held) <= len(stop) and list(stop[: len(held)]) == held


def describe(atoms: Atoms) -> str:
    """Atoms for an error message."""
    return "".join(chr(atom) if atom < 256 else f"<token {atom - 256}>" for atom in atoms)

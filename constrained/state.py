"""One state of a grammar: a set of configurations, and what has been found out about it (see states.py)."""

import numpy as np
from numpy.typing import NDArray

from constrained.closures import Config
from constrained.grammar import Completion, Control
from constrained.net import Net
from constrained.rests import Rest

Words = NDArray[np.uint32]  # (W,) bit t % 32 of word t // 32 is token t
Places = NDArray[np.int64]  # (K, 2) edge, row


def key_of(net: Net, places: Places, accepting: bool, tape: bytes | None) -> bytes:
    """Tells states apart that have no control tokens in front."""
    flags = bytes((accepting + 2 * (tape is not None),)) + len(places).to_bytes(4, "little")
    return b"".join((net.stamp, flags, places.tobytes(), tape or b""))


class State:
    """A set of configurations, with everything that has been found out about it.

    There are many, so they are kept as numbers: a configuration is an edge of `net` and a row (net.py).
    """

    __slots__ = (
        "_configs",
        "accepting",
        "alive",
        "by_byte",
        "by_token",
        "completion",
        "controls",
        "forced",
        "mask",
        "net",
        "places",
        "tape",
        "watched",
    )

    def __init__(
        self,
        net: Net,
        places: Places,
        controls: tuple[tuple[Control, Rest], ...],
        accepting: bool,
        tape: bytes | None,
    ) -> None:
        self.net: Net | None = net
        self.places = places
        self._configs: tuple[Config, ...] = ()  # when the net is gone
        self.controls = controls
        self.accepting = accepting
        self.tape = tape
        self.by_byte: dict[int, State | None] | None = None  # few are read byte by byte
        self.by_token: dict[int, State | None] = {}
        self.mask: Words | None = None
        self.completion: Completion | None = None  # a shortest one, see finishing.py
        self.forced: bytes | None = None  # what follows in any case, see Matcher.forced_bytes
        # Can a refused text be the only way on? Then it must be looked into whether there is a way on.
        self.watched = tape is not None and any(
            rest.watched for rest in (*(rest for _, _, rest in self.configs), *(rest for _, rest in controls))
        )
        self.alive: bool | None = None if self.watched else True

    @property
    def configs(self) -> tuple[Config, ...]:
        """The configurations."""
        net = self.net
        if net is None:
            return self._configs
        numbers: list[list[int]] = self.places.tolist()
        edges = [(net.edges[edge], row) for edge, row in numbers]
        return tuple([(symbol, row, rest) for (symbol, rest), row in edges])

    def end(self) -> None:
        """Let go of the states that come next: nobody asks for them any more."""
        self.by_byte = None
        self.by_token.clear()

    def forget(self) -> None:
        """Drop what is memoised here, and let go of the net."""
        if self.net is not None:
            self._configs = self.configs
        self.net = self.by_byte = None
        self.by_token.clear()
        self.mask = self.completion = None

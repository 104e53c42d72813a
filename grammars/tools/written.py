"""Nodes of tool calls: what they have in common.

Their shortest completions may need control tokens, so they say those, and their bytes follow from it.
"""

from abc import abstractmethod

from constrained.completion import Shortest
from constrained.finishing import length, text_of
from constrained.grammar import Completion, Node, Sequence


class WrittenNode(Node):
    """A node that knows its shortest completion."""

    __slots__ = ()

    @abstractmethod
    def completion(self) -> Completion:
        """A shortest text with its control tokens."""

    def shortest(self) -> bytes:
        """The bytes of `completion`."""
        return text_of(self.completion())


class AnyOf(WrittenNode):
    """One of some sequences, found when first needed."""

    __slots__ = ("_completion", "_expanded")

    def __init__(self) -> None:
        self._expanded: tuple[Sequence, ...] | None = None
        self._completion: Completion | None = None

    @abstractmethod
    def sequences(self) -> tuple[Sequence, ...]:
        """The alternatives, made anew."""

    def expand(self) -> tuple[Sequence, ...]:
        """The alternatives, made once."""
        if self._expanded is None:
            self._expanded = self.sequences()
        return self._expanded

    def completion(self) -> Completion:
        """The shortest, found once."""
        if self._completion is None:
            self._completion = self.shortest_way()
        return self._completion

    def shortest_way(self) -> Completion:
        """The shortest of the alternatives' completions."""
        return min((completion_of(sequence) for sequence in self.expand()), key=length)


class Alternatives(AnyOf):
    """One of some sequences, given by hand; assign `ways` to tie a recursion."""

    __slots__ = ("name", "ways")

    def __init__(self, name: str, ways: tuple[Sequence, ...] = ()) -> None:
        super().__init__()
        self.name = name
        self.ways = ways

    def sequences(self) -> tuple[Sequence, ...]:
        """As given."""
        return self.ways


def completion_of(sequence: Sequence) -> Completion:
    """A shortest completion of the symbols in a row."""
    return Shortest().of_sequence(sequence)

"""Nodes of tool calls: what they have in common.

Their shortest completions may need control tokens, so they say those, and their bytes follow from it.
"""

from abc import abstractmethod

from constrained.completion import Shortest
from constrained.finishing import text_of
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

    __slots__ = ("_expanded",)

    def __init__(self) -> None:
        self._expanded: tuple[Sequence, ...] | None = None

    @abstractmethod
    def sequences(self) -> tuple[Sequence, ...]:
        """The alternatives, made anew."""

    def expand(self) -> tuple[Sequence, ...]:
        """The alternatives, made once."""
        if self._expanded is None:
            self._expanded = self.sequences()
        return self._expanded

    def completion(self) -> Completion:
        """The shortest of the alternatives' completions."""
        return shortest_of(self.expand())


def completion_of(sequence: Sequence) -> Completion:
    """A shortest completion of the symbols in a row."""
    return Shortest().of_sequence(sequence)


def shortest_of(alternatives: tuple[Sequence, ...]) -> Completion:
    """The shortest of the alternatives' completions."""
    completions = [completion_of(sequence) for sequence in alternatives]
    return min(completions, key=lambda one: sum(len(piece) if isinstance(piece, bytes) else 1 for piece in one))

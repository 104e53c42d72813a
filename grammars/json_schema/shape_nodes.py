"""The grammar of a shape: its scalars, or a way to be an array or an object (nodes.py)."""

from typing import TYPE_CHECKING

from constrained import remains
from constrained.grammar import Node, Sequence
from grammars.json_schema.literals import Shape

if TYPE_CHECKING:
    from grammars.json_schema.nodes import Writer


class ShapeNode(Node):
    """Any value of a shape."""

    __slots__ = ("_expanded", "_writer", "shape")

    def __init__(self, shape: Shape, writer: "Writer") -> None:
        self.shape = shape
        self._writer = writer
        self._expanded: tuple[Sequence, ...] | None = None

    def expand(self) -> tuple[Sequence, ...]:
        """One sequence per scalar type, and per way to be an array or an object."""
        if self._expanded is None:
            with self._writer.lock:
                self._expanded = tuple(self._writer.sequences(self.shape))
        return self._expanded

    def shortest(self) -> bytes:
        """A shortest text of the shape."""
        with self._writer.lock:
            return self._writer.shortest(self.shape)

    def end(self) -> None:
        """Let go of what stands in it."""
        self._expanded = None


class DocumentNode(ShapeNode):
    """Any value of a whole document. Whoever uses a grammar of it has this node, and nothing in it leads back here.

    So when it goes, nobody will ask the writer any more: what leads to one another in it is cut, and goes.
    """

    __slots__ = ()

    def __del__(self) -> None:
        remains.keep(self._writer.end())

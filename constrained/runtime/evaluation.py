"""When lazy arrays are computed: MLX builds a graph until somebody asks for a value.

(Two functions of MLX with their types, which its stubs leave open.)
"""

from collections.abc import Iterable

import mlx.core as mx


def start(*arrays: mx.array) -> None:
    """Begin to compute `arrays`. On a GPU this returns at once, on the CPU backend mostly at the end."""
    mx.async_eval(*arrays)  # pyright: ignore[reportUnknownMemberType]


def finish(*arrays: mx.array | Iterable[object]) -> None:
    """Compute `arrays`, or lists of them, and wait."""
    mx.eval(*arrays)  # pyright: ignore[reportUnknownMemberType]

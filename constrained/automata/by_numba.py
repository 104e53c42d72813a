"""The one place that knows numba: kernels that it compiles when they are called, or finds in its cache on disk.

Only the very first process on a machine pays for compiling. Handing an array over costs 0.2 microseconds.
"""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numba.np.numpy_support import carray
from numpy.typing import NDArray


def kernel(function: Callable[..., Any], nogil: bool) -> Any:
    """Compile a function on first call; cached on disk."""
    return njit(cache=True, nogil=nogil)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """A function whose code stands wherever kernels call it."""
    return njit(cache=True, inline="always")(function)


@intrinsic
def _pointer(context: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), generate


pointer = cast(Callable[[int], Any], _pointer)  # numba sees the type context, its callers do not


@njit(cache=True, inline="always")
def cells(address: int, count: int) -> NDArray[np.int32]:
    """(count,) int32 at `address`; for kernels."""
    return carray(pointer(address), (count,), np.int32)


@njit(cache=True, inline="always")
def table(address: int, rows: int, columns: int) -> NDArray[np.int32]:
    """(rows, columns) int32 at `address`; for kernels."""
    return carray(pointer(address), (rows, columns), np.int32)


@njit(cache=True, inline="always")
def octets(address: int, count: int) -> NDArray[np.uint8]:
    """(count,) uint8 at `address`; for kernels."""
    return carray(pointer(address), (count,), np.uint8)


@njit(cache=True, inline="always")
def octet_table(address: int, rows: int, columns: int) -> NDArray[np.uint8]:
    """(rows, columns) uint8 at `address`; for kernels."""
    return carray(pointer(address), (rows, columns), np.uint8)

"""The one place that knows numba.

A kernel is a function over numpy arrays and integers, compiled to machine code the first time it
is called and kept in numba's on-disk cache, so that only the very first process on a machine pays
for it. They are declared with types that the checker sees unchanged.

Arrays given to kernels are writeable and C-contiguous: numba compiles a second copy of a kernel
for read-only arrays. Handing an array over costs 0.2 microseconds. So tables that a kernel may or may
not come to are handed over by their address (`address`, `table`), which it opens when it does.
Whoever writes an address down keeps the array alive.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numba.np.numpy_support import carray
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile `function` with numba on first call; cached on disk, GIL released."""
    return cast(Function, njit(cache=True, nogil=True)(function))


def short_kernel(function: Function) -> Function:
    """As `kernel`, but it keeps the GIL: for some microseconds over tables that others may be adding to."""
    return cast(Function, njit(cache=True)(function))


def address(array: NDArray[Any]) -> int:
    """Where the cells of a C-contiguous array lie."""
    assert array.flags.c_contiguous
    return array.__array_interface__["data"][0]


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

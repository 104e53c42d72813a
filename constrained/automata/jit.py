"""The one place that knows numba.

A kernel is a function over numpy arrays and integers, compiled to machine code the first time it
is called and kept in numba's on-disk cache, so that only the very first process on a machine pays
for it. Kernels release the GIL. They are declared with types that the checker sees unchanged.

Arrays given to kernels are writeable and C-contiguous: numba compiles a second copy of a kernel
for read-only arrays.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile `function` with numba on first call; cached on disk, GIL released."""
    return cast(Function, njit(cache=True, nogil=True)(function))

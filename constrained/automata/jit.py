"""How kernels are declared: functions over numpy arrays and integers that run as machine code.

    the engine is compiled    -->  compiled with it, ahead of time (constrained/native/kernels.py)
    it runs from its sources  -->  by numba, when they are first called (by_numba.py), kept in its cache on disk

They are declared with types that the checker sees unchanged. Where they were compiled ahead of time numba is not
imported, which takes a third of a second and leaves 35,000 objects for Python's collector to look at.

Arrays given to kernels are writeable and C-contiguous: numba compiles a second copy of a kernel for read-only arrays,
and what was compiled ahead of time refuses them. So tables that a kernel may or may not come to are handed over by
their address (`address`, `table`), which it opens when it does. Whoever writes an address down keeps the array alive.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, TypeVar, cast

from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., Any])

COMPILED: Final = "constrained.automata.compiled_kernels"  # the module, which is among compiled ones alone


def _compiled() -> Mapping[str, Callable[..., Any]]:
    """Kernels that were compiled ahead of time, by `name_of`."""
    return import_module(COMPILED).kernels if find_spec(COMPILED) else {}


_AHEAD: Final = _compiled()
declared: Final[dict[str, Any]] = {}  # every kernel that is called from Python, as its source or numba has it


def kernel(function: Function) -> Function:
    """A kernel that releases the GIL."""
    return _kernel(function, nogil=True)


def short_kernel(function: Function) -> Function:
    """As `kernel`, but it keeps the GIL: for some microseconds over tables that others may be adding to."""
    return _kernel(function, nogil=False)


def kernel_part(function: Function) -> Function:
    """What kernels alone call: it becomes a part of them."""
    return function if _AHEAD else cast(Function, by_numba.kernel(function, nogil=True))


def inlined_part(function: Function) -> Function:
    """As `kernel_part`, but without a call: for loops in which handing many arrays over takes longer than the work."""
    return function if _AHEAD else cast(Function, by_numba.inlined(function))


def _kernel(function: Function, nogil: bool) -> Function:
    name = name_of(function)
    declared[name] = function if _AHEAD else by_numba.kernel(function, nogil)
    return cast(Function, _AHEAD[name] if _AHEAD else declared[name])


def name_of(function: Callable[..., Any]) -> str:
    """The name of a kernel, with its module."""
    return f"{function.__module__}.{function.__name__}"


def address(array: NDArray[Any]) -> int:
    """Where the cells of a C-contiguous array lie."""
    assert array.flags.c_contiguous
    return array.__array_interface__["data"][0]


# ------------------------------------------------------------------ arrays by their address, inside of kernels

if _AHEAD:

    def _inside(*_: int) -> NDArray[Any]:
        raise TypeError("kernels alone open addresses")

    cells = table = octets = octet_table = _inside
else:
    from constrained.automata import by_numba

    cells, table = by_numba.cells, by_numba.table
    octets, octet_table = by_numba.octets, by_numba.octet_table

"""Compiled functions that call themselves too often raise RecursionError, as interpreted ones do.

    PyObject *CPyDef_f(PyObject *x) {            PyObject *CPyDef_f(PyObject *x) { CONSTRAINED_DEPTH(NULL)

mypyc's functions use the thread's stack and do not count. So each looks, before anything else, whether the stack goes
below a floor that is found once a thread: what is left below is for numpy, numba and the interpreter. Arguments are
borrowed, so there is nothing to let go of; the value is the one by which mypyc says that an exception is set.
"""

import re
from pathlib import Path

HEADER = "constrained_depth.h"

_DEFINITION = re.compile(r"^(?P<kind>PyObject \*|[a-z]\w* |CPyTagged )(?P<name>CPyDef_\w+)\(.*\) \{$", re.MULTILINE)

# Called where no exception may be: it says what the defaults of a class are.
_WITHOUT = re.compile(r"_____mypyc_defaults_setup$|_____top_level__$")

_VALUES = {"PyObject *": "NULL", "char": "2", "CPyTagged": "CPY_INT_TAG", "double": "CPY_FLOAT_ERROR"}
_MACHINE_INTS = frozenset(["int64_t", "int32_t", "int16_t", "uint8_t"])
_IN_TUPLES = {"O": "NULL", "C": "2", "I": "CPY_INT_TAG", "F": "CPY_FLOAT_ERROR", "8": "CPY_LL_INT_ERROR"}


def with_depth(text: str) -> str:
    """A generated C file whose functions look at the depth."""
    return f'#include "{HEADER}"\n' + _DEFINITION.sub(_looking, text)


def _looking(definition: "re.Match[str]") -> str:
    if _WITHOUT.search(definition["name"]):
        return definition[0]
    return f"{definition[0]} CONSTRAINED_DEPTH({_failed(definition['kind'].strip())})"


def _failed(kind: str) -> str:
    """The value of a C type by which mypyc says that an exception is set."""
    if kind in _VALUES:
        return _VALUES[kind]
    if kind in _MACHINE_INTS:
        return "CPY_LL_INT_ERROR"
    if kind.startswith("tuple_"):
        value, rest = _tuple(kind.removeprefix("tuple_"))
        if not rest:
            return f"(({kind}) {value})"
    raise ValueError(f"mypyc has functions of a type whose error value is not known: {kind}")


def _tuple(code: str) -> tuple[str, str]:
    """The value of a tuple's code, T2OI, and what is left of the text."""
    if not code.startswith("T"):
        return _IN_TUPLES[code[0]], code[1:]
    size, rest = int(code[1]), code[2:]
    parts: list[str] = []
    for _ in range(size):
        part, rest = _tuple(rest)
        parts.append(part)
    return "{" + ", ".join(parts) + "}", rest


def write_runtime(folder: Path) -> Path:
    """Put the header and the C file that `with_depth` needs into a folder; the C file."""
    (folder / HEADER).write_text(_HEADER_TEXT)
    path = folder / "constrained_depth.c"
    path.write_text(_RUNTIME_TEXT)
    return path


_HEADER_TEXT = """\
#pragma once
#include <stdint.h>

/* The lowest address that this thread's stack may reach; the highest there is until it is known. */
#if defined(__GNUC__) && !defined(__APPLE__)
extern __thread uintptr_t constrained_floor __attribute__((tls_model("initial-exec")));
#else
extern __thread uintptr_t constrained_floor;
#endif

/* Is the stack at `here` too deep? Then with RecursionError set. */
int constrained_too_deep(uintptr_t here);

#define CONSTRAINED_HERE ((uintptr_t)__builtin_frame_address(0))
#define CONSTRAINED_DEPTH(failed) \\
    if (__builtin_expect(CONSTRAINED_HERE < constrained_floor, 0) && constrained_too_deep(CONSTRAINED_HERE)) \\
        return failed;
"""

_RUNTIME_TEXT = """\
#define _GNU_SOURCE
#include <Python.h>
#include <pthread.h>
#include "constrained_depth.h"

#define RESERVE ((size_t)128 << 10)  /* for what is called and does not look: numpy, numba, the interpreter */
#define MOST ((size_t)2 << 20)       /* of the stack that compiled code may fill, however large it is */

__thread uintptr_t constrained_floor = UINTPTR_MAX;

/* The lowest address of this thread's stack; 0 where the system does not say. */
static uintptr_t lowest(size_t *size)
{
    void *low = NULL;
    *size = 0;
#if defined(__APPLE__)
    *size = pthread_get_stacksize_np(pthread_self());
    low = (char *)pthread_get_stackaddr_np(pthread_self()) - *size;
#elif defined(__linux__)
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        pthread_attr_getstack(&attributes, &low, size);
        pthread_attr_destroy(&attributes);
    }
#endif
    return (uintptr_t)low;
}

int constrained_too_deep(uintptr_t here)
{
    if (constrained_floor == UINTPTR_MAX) {
        size_t size;
        uintptr_t low = lowest(&size);
        uintptr_t floor = low + (size > 4 * RESERVE ? RESERVE : size / 4);
        if (size == 0 || here - floor > MOST)
            floor = here - (size == 0 ? RESERVE : MOST);
        constrained_floor = floor;
    }
    if (here >= constrained_floor)
        return 0;
    PyErr_SetString(PyExc_RecursionError, "maximum depth of compiled calls exceeded");
    return 1;
}
"""

"""Where compiled functions raise lies apart from where they go on: fewer lines of memory are read in a first mask.

    if (unlikely(x == NULL)) {                       hot    f:       test, call, test, call, return
        CPy_AddTraceback("a.py", "f", 12, ...);      cold   f.cold:  the ways out, of all functions together
        goto CPyL4;
    }

Every call in mypyc's C is followed by such a way out, which is longer than the call. What runs for the first time after
other work has to be read from memory, so it is told to the compiler that nobody comes there: then these go to a
section of their own.
"""

from pathlib import Path

HEADER = "constrained_raising.h"


def with_cold_exits(text: str) -> str:
    """A generated C file that says so."""
    return f'#include "{HEADER}"\n{text}'


def write_header(folder: Path) -> None:
    """Put the header that `with_cold_exits` needs into a folder."""
    (folder / HEADER).write_text(_HEADER_TEXT)


_HEADER_TEXT = """\
#pragma once
#include <Python.h>

#if defined(__GNUC__)
#define CONSTRAINED_COLD __attribute__((cold))
#else
#define CONSTRAINED_COLD
#endif

void CPy_AddTraceback(const char *filename, const char *funcname, int line, PyObject *globals) CONSTRAINED_COLD;
void CPy_TypeErrorTraceback(const char *filename, const char *funcname, int line, PyObject *globals,
                            const char *expected, PyObject *value) CONSTRAINED_COLD;
void CPy_AttributeError(const char *filename, const char *funcname, const char *classname, const char *attrname,
                        int line, PyObject *globals) CONSTRAINED_COLD;
void CPy_TypeError(const char *expected, PyObject *value) CONSTRAINED_COLD;
void CPyError_OutOfMemory(void) CONSTRAINED_COLD;
"""

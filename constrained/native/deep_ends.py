"""Instances without a header for Python's collector may end one inside the other, however deep.

    a chain of a million: the last reference to its head goes, and with the head the one to the next, and so on

Python puts off what is nested fifty deep, and links it by that header ("the trashcan"); in place of what has none it
would write into whatever lies before it. Here the field that counted references, which nobody needs any more, is the
link (as in Python from 3.13 on).
"""

import re
from pathlib import Path

HEADER = "constrained_ends.h"

_DEALLOC = re.compile(r"^(?P<name>\w+)_dealloc\(\w+ \*self\)\n\{\n(?P<body>.*?)^\}\n", re.MULTILINE | re.DOTALL)
_BEGIN = re.compile(r"^    CPy_TRASHCAN_BEGIN\(self, (\w+)\)\n", re.MULTILINE)
_END = "    CPy_TRASHCAN_END(self)\n"


def with_deep_ends(text: str) -> str:
    """A generated C file in which what has no header is put off in its own way."""
    return f'#include "{HEADER}"\n' + _DEALLOC.sub(_in_its_own_way, text)


def _in_its_own_way(found: "re.Match[str]") -> str:
    if "PyObject_GC_UnTrack(self);" in found["body"] or not _BEGIN.search(found["body"]):
        return found[0]
    begun = _BEGIN.sub(
        r"    int counted = constrained_put_off((PyObject *)self, (destructor)\1);\n    if (counted < 0) return;\n",
        found[0],
    )
    return begun.replace(_END, "    if (counted) constrained_ended();\n")


def write_runtime(folder: Path) -> Path:
    """Put the header and the C file that `with_deep_ends` needs into a folder; the C file."""
    (folder / HEADER).write_text(_HEADER_TEXT)
    path = folder / "constrained_ends.c"
    path.write_text(_RUNTIME_TEXT)
    return path


_HEADER_TEXT = """\
#pragma once
#include <Python.h>

/* May `self` end now, by its type's function `by`? 1, and constrained_ended is to follow; 0, if it is of a subclass,
   whose own function sees to that; -1, if it has been put off. */
int constrained_put_off(PyObject *self, destructor by);
void constrained_ended(void);
"""

_RUNTIME_TEXT = """\
#include "constrained_ends.h"

#define DEEPEST 50

static __thread int nested;
static __thread PyObject *put_off; /* linked by their counts of references */

int constrained_put_off(PyObject *self, destructor by)
{
    if (Py_TYPE(self)->tp_dealloc != by)
        return 0;
    if (nested >= DEEPEST) {
        self->ob_refcnt = (Py_ssize_t)put_off;
        put_off = self;
        return -1;
    }
    nested++;
    return 1;
}

void constrained_ended(void)
{
    if (nested == 1)
        while (put_off != NULL) {
            PyObject *one = put_off;
            put_off = (PyObject *)one->ob_refcnt;
            one->ob_refcnt = 0;
            Py_TYPE(one)->tp_dealloc(one);
        }
    nested--;
}
"""

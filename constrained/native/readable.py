"""What people see of compiled code: docstrings, the numbers of lines in tracebacks, and values that are copied.

    PyDoc_STR("fork($self)\\n--\\n\\n")           PyDoc_STR("fork($self)\\n--\\n\\n" "A copy that goes on by itself.")
    CPy_AddTraceback("a.py", "fork", 31, ...)  CPy_AddTraceback("a.py", "fork", 29, ...)     two lines were put in

mypyc keeps no docstrings, and counts the lines of what it is given. It also unpickles and copies values by assigning
their attributes, which frozen classes refuse.
"""

import ast
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

MARK = "  #+"  # ends the lines that lowering puts in

_METHOD = re.compile(
    r"(?P<head>\(PyCFunction\)CPyPy_(?P<name>\w+),\s+METH_[\w |]+, )PyDoc_STR\((?P<said>NULL|\"(?:[^\"\\]|\\.)*\")\)"
)
_CLASS = re.compile(
    r"(?P<head>    \.tp_name = \"(?P<name>\w+)\",\n(?:    [^}]*?)?    \.tp_doc = )"
    r"PyDoc_STR\((?P<said>NULL|\"(?:[^\"\\]|\\.)*\")\)"
)
_PROPERTY = re.compile(
    r"(?P<head>\(getter\)\w+?___(?P<class>[A-Za-z]\w*?)_get_(?P<name>[a-z]\w*),\s+(?:\(setter\)\w+|NULL),\s+)"
    r"NULL, NULL\}"
)
_LINE = re.compile(r"(\(\"((?:constrained|grammars)/[\w/]+\.py)\"(?:, \"[^\"]*\")+, )(\d+)(?=, )")

_SET_STATE = """\
{
    if (_CPy_UpdateObjFromDict(obj, state) != 0) {
        return NULL;
    }
"""
_SET_STATE_OF_FROZEN = """\
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    if (!PyDict_Check(state)) {
        PyErr_SetString(PyExc_TypeError, "the state is not a dict");
        return NULL;
    }
    while (PyDict_Next(state, &at, &key, &value)) {
        if (PyObject_GenericSetAttr(obj, key, value) != 0) {
            return NULL;
        }
    }
"""


def with_frozen_states(runtime: str) -> str:
    """mypyc's run-time, in which values are unpickled and copied without asking their `__setattr__`."""
    if runtime.count(_SET_STATE) != 1:
        raise ValueError("mypyc unpickles in another way than it did")
    return runtime.replace(_SET_STATE, _SET_STATE_OF_FROZEN)


def readable(text: str, source: str) -> str:
    """The C text of the module of which `source` is the text that was lowered."""
    docs = _docstrings(ast.parse(source).body)

    def documented(found: "re.Match[str]") -> str:
        doc = _of(found["name"], docs)
        return found["head"] + _joined(found["said"], doc) if doc else found[0]

    def described(found: "re.Match[str]") -> str:
        doc = docs.get(f"{found['class']}___{found['name']}", "")
        return found["head"] + f"{_joined('NULL', doc)}, NULL}}" if doc else found[0]

    text = _PROPERTY.sub(described, _METHOD.sub(documented, text))
    text = _CLASS.sub(lambda found: found["head"] + _joined(found["said"], docs.get(found["name"], "")), text)
    return _LINE.sub(lambda found: f"{found[1]}{_numbers(found[2])[int(found[3]) - 1]}", text)


def _docstrings(body: list[ast.stmt], inside: str = "") -> dict[str, str]:
    """Docstrings of functions, classes and methods, as `name` or `class___name`; empty for those without."""
    docs: dict[str, str] = {}
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            docs[inside + statement.name] = ast.get_docstring(statement, clean=False) or ""
        if isinstance(statement, ast.ClassDef):
            docs |= _docstrings(statement.body, f"{statement.name}___")
    return docs


def _of(name: str, docs: Mapping[str, str]) -> str:
    """The docstring of a function by its C name: module___class___function or module___function."""
    parts = name.split("___")
    return docs.get("___".join(parts[-2:]), docs.get(parts[-1], ""))


def _joined(said: str, doc: str) -> str:
    """A docstring in C, after what mypyc says of the arguments."""
    if not doc:
        return f"PyDoc_STR({said})"
    escaped = "".join(chr(b) if 32 <= b < 127 and b not in b'"\\?' else f"\\{b:03o}" for b in doc.encode())
    return f'PyDoc_STR({"" if said == "NULL" else said} "{escaped}")'


@cache
def _numbers(path: str) -> list[int]:
    """For each line of a lowered module, its number in the source; of a line that was put in, that of the next."""
    numbers: list[int] = []
    number = 1
    for line in Path(path).read_text("utf-8").split("\n"):
        numbers.append(number)
        number += not line.endswith(MARK)
    return numbers

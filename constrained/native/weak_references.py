"""Weak references to instances of compiled classes.

mypyc's classes have none. A field that is never assigned is a null pointer in the instance: where the lowering has put
one, the C text of the class makes it the head of the list of its weak references, which Python keeps and clears.
"""

import re

from constrained.native.lowering import WEAK

_FIELD = f"self->_{WEAK}"
_OWNED = re.compile(rf"^    Py_(VISIT|CLEAR)\({re.escape(_FIELD)}\);\n", re.MULTILINE)
_TYPE = re.compile(r"^(?P<head>static PyTypeObject CPyType_(?P<name>\w+)_template_ = \{\n)", re.MULTILINE)
_DEALLOC = re.compile(r"^(?P<head>(?P<name>\w+)_dealloc\((?P<struct>\w+) \*self\)\n\{\n)", re.MULTILINE)


def with_weak_references(text: str, holders: dict[str, str]) -> str:
    """A generated C file; `holders` names the struct of each class that has the field, by the class's C name."""
    if not holders:
        return text

    def typed(head: "re.Match[str]") -> str:
        struct = holders.get(head["name"])
        return head[0] + (f"    .tp_weaklistoffset = offsetof({struct}, _{WEAK}),\n" if struct else "")

    def dying(head: "re.Match[str]") -> str:
        clears = f"    if ({_FIELD} != NULL) PyObject_ClearWeakRefs((PyObject *)self);\n"
        return head[0] + (clears if head["name"] in holders else "")

    return _DEALLOC.sub(dying, _TYPE.sub(typed, _OWNED.sub("", text)))


def holders(text: str) -> dict[str, str]:
    """The structs in a generated C file whose classes have the field, by the class's C name."""
    return {m["name"]: m["struct"] for m in _DEALLOC.finditer(text) if _clears(text, m["name"])}


def _clears(text: str, name: str) -> bool:
    at = text.find(f"CPyDef_{name}_clear(PyObject *cpy_r_self)\n{{")
    return at >= 0 and f"Py_CLEAR({_FIELD});" in text[at : text.find("\n}", at)]

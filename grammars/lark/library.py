"""Lark's own library, as much of it as a grammar imports.

Reading all of `common.lark` takes as long as reading a grammar of thirty rules, and Lark drops what is not imported
right afterwards. So the definitions are cut apart once, and Lark is given those that the grammar names, with what
they are made of:

    %import common.INT   ->   DIGIT: "0".."9"
                              INT: DIGIT+
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from lark.load_grammar import stdlib_loader

_OTHERS = re.compile(r"^[ \t]*%import[ \t]+(?!common\b)", re.MULTILINE)
_NAME = re.compile(r"\b[A-Z_][A-Z0-9_]*\b")

Sources = list[str | Callable[..., Any]]  # as Lark has them


def library(text: str) -> Sources:
    """What Lark is to look for imports in, before its library: the part of it that grammar `text` may mean."""
    if _OTHERS.search(text):  # what other grammars import from it is not seen here
        return []

    def load(base: Any, path: str) -> tuple[Any, str]:
        if path != "common.lark":
            raise FileNotFoundError(path)
        return stdlib_loader(base, path)[0], _part(frozenset(_NAME.findall(text)).intersection(_definitions()))

    return [load]


@cache
def _definitions() -> dict[str, str]:
    """Name -> the text of its definition."""
    text = re.sub(r"^//[^\n]*\n", "", stdlib_loader(None, "common.lark")[1], flags=re.MULTILINE)
    pieces = re.split(r"^(?=[A-Z_][A-Z0-9_]*[ \t]*:)", text, flags=re.MULTILINE)
    return {found[0]: piece for piece in pieces if (found := _NAME.match(piece))}


def _part(names: frozenset[str]) -> str:
    known = _definitions()
    found, todo = dict.fromkeys(names), list(names)
    while todo:
        more = [name for name in _NAME.findall(known[todo.pop()]) if name in known and name not in found]
        found |= dict.fromkeys(more)
        todo += more
    return "".join(piece for name, piece in known.items() if name in found)

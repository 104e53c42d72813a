"""What is written out for dataclasses means what `@dataclass` would have made."""

import ast
import dataclasses
import importlib
import sys
from types import ModuleType
from typing import Any

import pytest

from constrained.native.data import fields_of_all, methods, options_of

_FIRST = """
from dataclasses import dataclass
LARGE = 7
class Callable: pass
@dataclass(frozen=True)
class Base:
    size: int = LARGE
"""
_SECOND = """
from dataclasses import dataclass, field
from collections.abc import Callable as Function
from first_of_two import Base as Basis
@dataclass(frozen=True, kw_only=True)
class Callable(Basis):
    words: dict = field(hash=False)
    run: Function[[], int] | None = None
"""


@pytest.fixture
def written_out(monkeypatch) -> type[Any]:
    """The second module's class, with the methods that were written for it."""
    first = ModuleType("first_of_two")
    exec(_FIRST, first.__dict__)
    monkeypatch.setitem(sys.modules, "first_of_two", first)
    tables = fields_of_all([("first_of_two", _FIRST), ("second", _SECOND)])
    statement = next(node for node in ast.parse(_SECOND).body if isinstance(node, ast.ClassDef))
    lines = methods(statement, options_of(statement.decorator_list[0]), tables["second.Callable"])
    names: dict[str, Any] = {"_import_module": importlib.import_module}
    exec("\n".join(["class Callable:", *lines]), names)
    return names["Callable"]


def test_defaults_of_another_module_and_fields_that_are_not_hashed(written_out):
    names: dict[str, Any] = {}
    exec(_SECOND, names)
    generated = names["Callable"]
    assert [field.name for field in dataclasses.fields(generated)] == ["size", "words", "run"]
    for make in (generated, written_out):
        one = make(words={"a": 1})
        assert (one.size, one.words, one.run) == (7, {"a": 1}, None)
        assert one == make(size=7, words={"a": 1})
        assert one != make(words={})
        assert hash(one) == hash(make(words={}))

"""What is written out for dataclasses means what `@dataclass` would have made."""

import ast
import dataclasses
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from constrained.native.data import decorator_of, fields_of_all, methods, options_of
from constrained.native.modules import compiled
from constrained.native.sources import ROOT

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


def _imported_for_types(module: ast.Module) -> set[str]:
    """What a module imports under `if TYPE_CHECKING:`."""
    only = [one for one in module.body if isinstance(one, ast.If) and ast.unparse(one.test) == "TYPE_CHECKING"]
    return {name.name for one in only for name in ast.walk(one) if isinstance(name, ast.alias)}


def _classes_of_fields(module: ast.Module) -> Iterator[tuple[str, str]]:
    """The fields of dataclasses, and the classes that they are of: not of what is in a list or a dictionary."""
    for one in ast.walk(module):
        if isinstance(one, ast.ClassDef) and decorator_of(one) is not None:
            for field in one.body:
                if isinstance(field, ast.AnnAssign):
                    kind = ast.unparse(field.annotation).replace("'", "")
                    kind = kind[6:-1] if kind.startswith("Final[") else kind
                    yield from ((f"{one.name}.{ast.unparse(field.target)}", part) for part in kind.split(" | "))


def _late(text: str) -> list[str]:
    """Fields whose class is not there when the dataclass is made."""
    module = ast.parse(text)
    return [field for field, kind in _classes_of_fields(module) if kind in _imported_for_types(module)]


def test_the_class_of_a_field_is_there_when_its_dataclass_is_made():
    """Compiled code looks for it then: in the middle of importing, where two modules know each other."""
    text = "if TYPE_CHECKING:\n    from a import A\n@dataclass\nclass It:\n    {}: Final['{}']\n    many: 'list[A]'\n"
    assert _late(text.format("one", "A")) == ["It.one"]
    assert _late(text.format("one", "B")) == []
    assert [path for path in compiled(ROOT) if _late((ROOT / path).read_text("utf-8"))] == []

"""What mypyc takes means the same as the source."""

import ast
from typing import Any

from constrained.native.data import fields_of_all
from constrained.native.lowering import lowered

SOURCE = """
import re
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Weighed:
    weight: int

    @cached_property
    def nothing(self) -> None:
        calls.append(self.weight)


class Kept:
    @cached_property
    def weight(self) -> int | None:
        calls.append(0)
        return None

    def set(self) -> None:
        self.weight = 7


def is_plain(value: object) -> bool:
    return isinstance(value, int | list | None)


calls: list[int] = []
"""
LOWERED = lowered(SOURCE, "weights", fields_of_all([("weights", SOURCE)]), ())


def test_what_is_found_once_is_found_once_and_may_be_nothing():
    names: dict[str, Any] = {}
    exec(compile(ast.parse(LOWERED), "weights", "exec"), names)
    kept, calls = names["Kept"], names["calls"]
    one, other = kept(), kept()
    assert (one.weight, one.weight, calls) == (None, None, [0])
    one.set()
    assert (one.weight, other.weight, calls) == (7, None, [0, 0])


def test_in_a_dataclass_it_is_not_known_when_it_is_made():
    assert "self._has_nothing_of_Weighed = False" in LOWERED


def test_one_of_several_types_is_asked_for_without_a_union():
    assert "isinstance(value, (int, list, type(None)))" in LOWERED

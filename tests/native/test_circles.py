"""Which classes Python's collector is told to leave alone: those whose instances can be in no circle."""

import gc

import pytest

from constrained.automata.ecma import pattern_dfa
from constrained.native.circles import acyclic
from constrained.native.finder import engine
from constrained.pieces import NOTHING
from grammars.json_schema.texts import ANY_TEXT
from tests.native.conftest import Tree

_HEAD = """
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, NewType, Protocol
from collections.abc import Callable, Mapping, Sequence

@dataclass(frozen=True)
class Leaf:
    text: str
    numbers: NDArray[np.int32]
"""
_FROZEN = "@dataclass(frozen=True)\nclass It:\n    "
_PLAIN = "class It:\n    def __init__(self, {}) -> None:\n        {}\n"


@pytest.mark.parametrize(
    "text",
    [
        _FROZEN + "leaves: tuple[Leaf, ...]",
        _FROZEN + "leaves: list[Leaf]",  # it may change, but nothing in it leads back
        _FROZEN + 'above: "It | None"\n    others: frozenset["It"]',  # others were there before
        _FROZEN + "leaf: Named\nNamed = Leaf | Row\nRow = NewType('Row', int)",
        _FROZEN + "kind: Kind\nclass Kind(Enum):\n    ONE = 1",
        _FROZEN + "leaf: Leaf\n    @cached_property\n    def longer(self) -> list[Leaf]: ...",
        _PLAIN.format("leaf: Leaf", "self.leaf = leaf; self.is_new = leaf is None"),
        _PLAIN.format("above: 'It | None'", "self.above = above"),
        _FROZEN + "cells: Sequence[int]\nclass Many(Sequence['It']):\n    it: 'It'",  # holds no numbers
        _FROZEN + "leaf: Leaf\n@dataclass\nclass Holder:\n    it: It\n    holder: 'Holder'",
    ],
)
def test_no_circle_can_be_made_of_these(text):
    assert "module.It" in acyclic({"module": _HEAD + text}, ["Open"])


@pytest.mark.parametrize(
    "text",
    [
        _FROZEN + "what: Any",
        _FROZEN + "call: Callable[[], int]",
        _FROZEN + "other: Others",  # nobody knows what it is
        _FROZEN + "others: Sequence['It']",  # a list in which it may be put itself
        _FROZEN + "others: dict[int, 'It']",
        _FROZEN + "above: 'It'\n    @cached_property\n    def below(self) -> 'It': ...",
        _FROZEN + "open: Open\nclass Open: ...",  # of which others may have subclasses
        _FROZEN + "base: Base\nclass Base: ...\nclass Holder(Base):\n    its: list[It]",
        _FROZEN + "given: Given\nclass Given(Protocol): ...",
        _FROZEN + "many: Sequence['Any']",
        _FROZEN + "pattern: Pattern\nPattern = Leaf | list['It']",
        _PLAIN.format("above: 'It'", "self.above = above") + "def tie(it: It) -> None:\n    it.above = it",
        _PLAIN.format("above: 'It'", "self.above = above") + "    def tie(self) -> None:\n        self.above = self",
        _PLAIN.format("leaf: Leaf", "self.holder = Holder(self)") + "class Holder:\n    it: 'It'",
        _PLAIN.format("leaf: Leaf", "self.holder = self.held()")
        + "    def held(self) -> 'Holder': ...\nclass Holder:\n    it: 'It'",
        _PLAIN.format("leaf: Leaf", "self.found = search(leaf)"),
        "class Base:\n    def __init__(self, holder: 'Holder') -> None:\n        holder.keep(self)\n"
        "class It(Base):\n    def __init__(self, holder: 'Holder') -> None:\n"
        "        super().__init__(holder); self.holder = holder\nclass Holder:\n    it: Base",
    ],
)
def test_a_circle_may_be_made_of_these(text):
    found = acyclic({"module": _HEAD + text}, ["Open"])
    assert "module.It" not in found
    assert "module.Leaf" in found


def test_names_are_followed_through_modules():
    texts = {
        "a": "from b import Bead\n@dataclass(frozen=True)\nclass Chain:\n    bead: Bead\n    more: 'list[Bead]'",
        "b": "from a import Chain\nclass Bead:\n    weight: int",
    }
    assert acyclic(texts, []) == {"a.Chain", "b.Bead"}
    texts["b"] += "\n    chain: Chain"
    assert acyclic(texts, []) == set()
    assert acyclic(texts, [], ["a.Chain", "c.Unknown"]) == {"a.Chain", "b.Bead"}


def test_what_can_be_in_no_circle_is_not_tracked_when_compiled(compiled_once: Tree):
    program = "import gc\nfrom constrained.beads import strung\nprint(json.dumps(gc.is_tracked(strung([1, 2]))))"
    assert [compiled_once.says(program, CONSTRAINED_NATIVE=native) for native in "10"] == [False, True]


def test_what_is_not_tracked_may_end_however_deep(compiled_once: Tree):
    program = """
import threading
from constrained.beads import Bead, strung
from constrained.weighing import heaviest

def end(make):
    for _ in range(3):
        held = make()
        canaries = [bytes([k]) * 32 for k in range(200)]
        held = None
        assert canaries == [bytes([k]) * 32 for k in range(200)]

def nested():  # in turns with what Python puts off
    beads = None
    for weight in range(100_000):
        beads = (Bead(weight, strung([weight])), beads, [beads])
    return beads

def go():
    for make in (lambda: strung([1] * 1_000_000), nested):
        end(make)

threads = [threading.Thread(target=go) for _ in range(2)]
threading.stack_size(512 * 1024)
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps(heaviest(strung([3, 5]))))
"""
    assert compiled_once.says(program) == 5


def test_the_engine_keeps_little_that_is_tracked():
    if str(engine()) != "compiled":
        pytest.skip("interpreted")
    assert not any(map(gc.is_tracked, [pattern_dfa("[ab]+"), NOTHING, ANY_TEXT]))

"""A tree of three modules with the real finder and the real build, compiled once for all tests of this folder."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from constrained.native import compiler
from constrained.native.sources import ROOT, shelf_of

BEADS = '''
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Bead:
    """One of a string of beads."""

    weight: int
    below: "Bead | None" = None

    @property
    def is_last(self) -> bool:
        """Is nothing below it?"""
        return self.below is None

    def lighter(self, by: int) -> "Bead":
        """A bead that weighs less. Raises ValueError for no weight at all; “é”, \\ and \\" are letters too."""
        if by >= self.weight:
            raise ValueError("no weight at all")
        return replace(self, weight=self.weight - by)


@dataclass(frozen=True, slots=True)
class Section:
    """What users copy: one of the names that the lowering knows."""

    first: int
    most: int = 3


def strung(weights: list[int]) -> "Bead | None":
    """A string of beads, the last weight on top."""
    top: Bead | None = None
    for weight in weights:
        top = Bead(weight, top)
    return top
'''
WEIGHING = '''
import os

from constrained.beads import Bead

if __file__.endswith(".so") and "BREAK" in os.environ:
    raise ValueError("broken when it is imported")


def weight(bead: Bead | None) -> int:
    """What all beads of a string weigh together."""
    if bead is None:
        return 0
    return bead.weight + weight(bead.below)


def heaviest(bead: Bead | None) -> int:
    """The heaviest bead."""
    if bead is None:
        raise ValueError("no beads")
    return max(bead.weight, heaviest(bead.below)) if bead.below else bead.weight
'''
PUZZLES = '''
from functools import cached_property

from constrained.beads import strung
from constrained.weighing import heaviest, weight


class Scale:
    """Finds once what a weight is in its units."""

    def __init__(self, weight: int) -> None:
        self.weight = weight

    @cached_property
    def units(self) -> int:
        """In pounds."""
        return self.weight * 2


class FineScale(Scale):
    """Asks for what its base has found."""

    @cached_property
    def units(self) -> int:
        """In ounces."""
        return super().units * 16


def ounces(weight: int) -> list[int]:
    """Of a weight, and what a coarser scale says, each asked for twice."""
    fine, coarse = FineScale(weight), Scale(weight)
    return [fine.units, fine.units, coarse.units, coarse.units]


def answers(count: int) -> tuple[int, int]:
    """Weight and heaviest bead of a string."""
    beads = strung([7 * number % 11 for number in range(count)])
    return weight(beads), heaviest(beads)
'''
INIT = "from constrained.native import finder\n\nfinder.install()\n"
TREE = {
    "constrained/__init__.py": INIT,
    "constrained/beads.py": BEADS,
    "constrained/weighing.py": WEIGHING,
    "grammars/__init__.py": INIT,
    "grammars/puzzles.py": PUZZLES,
}


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree of sources, and processes that run them."""

    root: Path

    def python(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run Python with the tree in front, `CONSTRAINED_NATIVE` unset unless it is given."""
        environment = {name: value for name, value in os.environ.items() if name != "CONSTRAINED_NATIVE"}
        environment |= {"PYTHONPATH": str(self.root), **variables}
        command = [sys.executable, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=self.root)

    def says(self, program: str, **variables: str) -> Any:
        """What a program prints as JSON, without a word on stderr."""
        done = self.python("-c", f"import json\n{program}", **variables)
        assert done.stderr == ""
        return json.loads(done.stdout)

    @property
    def built(self) -> list[Path]:
        """The compiled engines that are there."""
        shelf = shelf_of(self.root)
        return sorted(shelf.iterdir()) if shelf.is_dir() else []


def planted(root: Path) -> Tree:
    """The tree, not compiled."""
    for name, text in TREE.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    native = ROOT / "constrained" / "native"
    shutil.copytree(native, root / "constrained" / "native", ignore=shutil.ignore_patterns("__pycache__", "built"))
    return Tree(root)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Not compiled."""
    return planted(tmp_path)


@pytest.fixture(scope="session")
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Compiled, and shared: not to be changed."""
    if lacking := compiler.missing():
        pytest.skip(lacking)
    tree = planted(tmp_path_factory.mktemp("compiled"))
    done = tree.python("-m", "constrained.native")
    assert done.returncode == 0, done.stderr
    return tree


@pytest.fixture
def compiled(compiled_once: Tree, tmp_path: Path) -> Tree:
    """Compiled, a copy of its own. Its key is the same, wherever it lies."""
    shutil.copytree(compiled_once.root, tmp_path, dirs_exist_ok=True)
    return Tree(tmp_path)


@pytest.fixture
def damaged(compiled: Tree) -> Callable[[str, Callable[[Path], object]], Tree]:
    """A compiled tree, one file of which something is done to."""

    def do(name: str, damage: Callable[[Path], object]) -> Tree:
        (place,) = [path for path in compiled.built[0].rglob("*") if name in path.name]
        damage(place)
        return compiled

    return do

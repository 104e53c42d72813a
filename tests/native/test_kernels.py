"""Kernels that were compiled ahead of time do what numba's do, and take nothing but what they were compiled for."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

import numpy as np
import pytest

from constrained.automata.jit import COMPILED
from constrained.native import compiler
from constrained.native.build import CannotCompile
from constrained.native.finder import engine
from constrained.native.kernels import build_kernels
from constrained.native.kernels_c import Array, Kernel, Scalar, module_text
from constrained.native.sources import ROOT
from tests.native.conftest import Tree, planted

Kernels = Mapping[str, Callable[..., Any]]

HEAD = "import numpy as np\nfrom constrained.automata.jit import cells, kernel, kernel_part, short_kernel\n"
KERNELS = """
@kernel_part
def half(number):
    return number // 2

@kernel
def halves(numbers, by, is_down):
    "A copy of (N,) numbers, the same as (N, 1, 1) octets, the first by a divisor, a bool."
    made, octets = numbers.copy(), np.zeros((len(numbers), 1, 1), np.uint8)
    for at in range(len(numbers)):
        made[at] = half(numbers[at]) if is_down else half(numbers[at] + 1)
        octets[at, 0, 0] = made[at]
    return made, octets, numbers[0] // by, is_down

@short_kernel
def add(numbers, more):
    numbers += more

@kernel
def reserve(count):
    return np.empty(count, np.int64)

@kernel
def same(numbers):
    return numbers

@kernel
def at(address, place):
    return 1 + cells(address, place + 1)[place]
"""
WARMING = """
import numpy as np
from constrained.automata import jit
from constrained.automata.halves import *

def warm_up():
    row = np.arange(3, dtype=np.int32)
    halves(row, 1, True), add(row, row), reserve(1), same(row), at(jit.address(row), 1)
"""


def with_kernels(root: Path, kernels: str = KERNELS, warming: str = WARMING) -> Tree:
    """A tree with kernels, not compiled."""
    tree = planted(root)
    (root / "constrained/automata").mkdir()
    for name in ("__init__.py", "jit.py", "by_numba.py"):
        (root / "constrained/automata" / name).write_text((ROOT / "constrained/automata" / name).read_text())
    (root / "constrained/automata/halves.py").write_text(HEAD + kernels)
    (root / "constrained/warming.py").write_text(warming)
    return tree


def loaded(path: Path) -> Kernels:
    """The kernels in a file."""
    spec = spec_from_file_location(COMPILED, path, loader=ExtensionFileLoader(COMPILED, str(path)))
    assert spec is not None
    return module_from_spec(spec).kernels


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Kernels:
    if lacking := compiler.missing():
        pytest.skip(lacking)
    tree, out = with_kernels(tmp_path_factory.mktemp("kernels")), tmp_path_factory.mktemp("out")
    build_kernels(tree.root, out)
    (made,) = out.iterdir()
    return {name.removeprefix("constrained.automata.halves."): each for name, each in loaded(made).items()}


ROW = np.arange(10, dtype=np.int32)


def test_arrays_numbers_and_nothing_are_returned(kernels):
    row = ROW.copy()
    made, octets, first, is_down = kernels["halves"](row, 3, np.True_)
    assert made.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert octets.tolist() == [[[number]] for number in made.tolist()]
    assert (made.dtype, octets.dtype, octets.flags.carray) == (np.int32, np.uint8, True)
    assert (first, is_down) == (0, True)
    assert kernels["halves"](row, np.int8(3), False)[0].tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    assert kernels["add"](row, row) is None
    assert row.tolist() == [2 * number for number in range(10)]
    assert kernels["at"](row.ctypes.data, 3) == 7


def test_results_are_memory_of_their_own(kernels):
    row = ROW.copy()
    copied = kernels["same"](row)
    row[:] = 0
    assert copied.tolist() == ROW.tolist()
    assert copied.flags.owndata
    before = sys.getrefcount(row)
    for _ in range(10):
        assert kernels["same"](row[:0]).shape == (0,)
    assert sys.getrefcount(row) == before


def test_large_results_are_not_copied_and_go_with_their_arrays(kernels):
    row = np.arange(1 << 20, dtype=np.int32)
    made, octets, _, _ = kernels["halves"](row, 3, True)
    assert (made.flags.owndata, made.flags.carray, octets.flags.carray) == (False, True, True)
    view = made[7:]
    del made
    assert np.array_equal(view, (row // 2)[7:])
    assert kernels["same"](row).flags.owndata
    before = getrusage(RUSAGE_SELF).ru_maxrss
    for _ in range(100):  # of five megabytes each
        kernels["halves"](row, 3, True)
    assert getrusage(RUSAGE_SELF).ru_maxrss - before < (100 << 10) * (1024 if sys.platform == "darwin" else 1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (("halves", ROW, 0, True), ZeroDivisionError, "division by zero"),
        (("reserve", -1), ValueError, "negative dimensions not allowed"),
        (("reserve", 1 << 55), MemoryError, "Allocation failed"),
        (("reserve", 1 << 63), OverflowError, "too big"),
        (("reserve", 1.0), TypeError, "reserve: argument 1, count, must be an integer"),
        (("reserve",), TypeError, "reserve takes 1 arguments, not 0"),
        (("halves", ROW, 1, 1), TypeError, "halves: argument 3, is_down, must be a bool"),
        (("same", ROW.astype(np.int64)), TypeError, "same: argument 1, numbers, must be a writeable, C-contiguous"),
        (("same", ROW.astype(np.uint32)), TypeError, "array of int32 with 1 dimension"),
        (("same", ROW.astype(">i4")), TypeError, "same"),
        (("same", ROW.reshape(2, 5)), TypeError, "same"),
        (("same", ROW[::2]), TypeError, "same"),
        (("same", np.frombuffer(bytes(8), np.int32)), TypeError, "same"),
        (("same", np.frombuffer(bytearray(9), np.int32, 2, 1)), TypeError, "same"),
        (("same", ROW.tolist()), TypeError, "same"),
        (("same", None), TypeError, "same"),
    ],
)
def test_what_a_kernel_cannot_take_or_do_is_an_error(kernels, call, error, message):
    name, *arguments = call
    with pytest.raises(error, match=message):
        kernels[name](*arguments)


@pytest.mark.parametrize(
    ("kernels", "warming", "message"),
    [
        (KERNELS + "\n@kernel\ndef never(row):\n    return 1\n", WARMING, "halves.never is called by warm_up with 0"),
        (KERNELS, WARMING + "    same(row[::2])\n", "halves.same is called by warm_up with 2 kinds of arguments"),
        (KERNELS.replace("is_down\n\n@s", "1.5\n\n@s"), WARMING, "no kernel takes or returns float64"),
        (KERNELS.replace("return numbers\n", "return np.flatnonzero(numbers)\n"), WARMING, "need what numba has"),
    ],
)
def test_kernels_that_cannot_be_compiled_ahead_of_time_are_named(tmp_path, kernels, warming, message):
    if lacking := compiler.missing():
        pytest.skip(lacking)
    tree = with_kernels(tmp_path, kernels, warming)
    with pytest.raises(CannotCompile, match=message):
        build_kernels(tree.root, tmp_path)
    assert not list(tmp_path.glob("*.so"))


def test_without_them_the_rest_is_compiled_and_one_line_says_so(compiled_once, tmp_path):
    tree = with_kernels(tmp_path, "", "1 / 0\n")
    copying = f"shutil.copytree({str(compiled_once.built[0])!r}, out, dirs_exist_ok=True)"
    with (tree.root / "constrained/native/build.py").open("a") as build:
        build.write(f"\n\ndef build(root, out, *, jobs):\n    {copying}\n")
    done = tree.python("-m", "constrained.native")
    assert done.returncode == 0
    (line,) = [line for line in done.stderr.splitlines() if "kernels" in line]
    assert line.endswith("by numba when they are first called: ZeroDivisionError: division by zero")
    assert tree.python("-m", "constrained.native", "--check").stderr == "constrained: the engine is compiled\n"


@pytest.mark.parametrize("is_long", [False, True])
def test_long_kernels_alone_release_the_gil(is_long):
    text = module_text("a.b", [Kernel("a.c", "c", (("row", Array("int32", 1)),), Scalar("bool"), is_long)])
    assert ("Py_BEGIN_ALLOW_THREADS" in text) == is_long


# ---------------------------------------------------------------- the engine's own

WITHOUT_NUMBA = """
import sys
from grammars.trial import digest
import constrained
constrained.warm_up()
digest()
print([name for name in ("numba", "llvmlite") if name in sys.modules])
"""

# Every call of every kernel, with numba's and with a copy of the arrays by the one that was compiled ahead of time.
BESIDE = """
import sys
from collections import Counter
from pathlib import Path
import numpy as np
import constrained, grammars.trial
from constrained.automata import jit
from constrained.automata.remembered import memory
from constrained.warming import _load_kernels
from tests.native.test_kernels import loaded

calls = Counter()

def same(one, other):
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return type(one) is type(other) and one == other

def beside(name, compiled, numbas):
    def both(*arguments):
        copies = [one.copy() if isinstance(one, np.ndarray) else one for one in arguments]
        made, expected = compiled(*copies), numbas(*arguments)
        assert same(expected, made) and same(arguments, tuple(copies)), name
        calls[name] += 1
        return expected
    return both

constrained.warm_up()
found = loaded(Path(sys.argv[1]))
replaced = {id(one): beside(name, found[name], one) for name, one in jit.declared.items()}
for module in list(sys.modules.values()):
    if module.__name__.startswith(("constrained.", "grammars.")):
        for name, value in list(vars(module).items()):
            if id(value) in replaced:
                setattr(module, name, replaced[id(value)])
memory.limit(0)
_load_kernels.cache_clear()
constrained.warm_up()
grammars.trial.digest()
print(set(jit.declared) - set(calls), calls.total() > 5_000)
"""


def _said(program: str, *arguments: str, native: str) -> str:
    variables = {**os.environ, "CONSTRAINED_NATIVE": native, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def engines() -> Path:
    """The file of the engine's kernels."""
    if not engine().is_compiled:
        pytest.skip("the engine is not compiled")
    return engine().modules[COMPILED]


def test_the_compiled_engine_never_imports_numba(engines):
    assert _said(WITHOUT_NUMBA, native="1") == "[]\n"


def test_each_kernel_does_what_numbas_does(engines):
    assert _said(BESIDE, str(engines), native="0") == "set() True\n"

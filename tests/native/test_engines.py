"""Compiled and interpreted say the same; sources that were edited, and folders that are damaged, are noticed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.native.conftest import BEADS, PUZZLES, TREE, Tree

ASK = """
from grammars.puzzles import answers
from constrained.native.finder import engine
print(json.dumps([*answers(100), str(engine())]))
"""
WEIGHTS = [7 * number % 11 for number in range(100)]
ANSWERS = [sum(WEIGHTS), max(WEIGHTS)]


def test_compiled_code_is_used_and_says_the_same(compiled_once):
    assert compiled_once.says(ASK) == [*ANSWERS, "compiled"]
    assert compiled_once.says(ASK, CONSTRAINED_NATIVE="0") == [*ANSWERS, "interpreted: CONSTRAINED_NATIVE=0"]


def test_what_a_subclass_finds_once_may_ask_for_what_its_base_finds_once(compiled: Tree) -> None:
    program = "from grammars.puzzles import ounces\nprint(json.dumps(ounces(3)))"
    assert compiled.says(program) == compiled.says(program, CONSTRAINED_NATIVE="0") == [96, 96, 6, 6]


@pytest.mark.parametrize("first", ["constrained.weighing", "grammars", "grammars.puzzles", "constrained.beads"])
def test_whatever_is_imported_first_all_of_it_is_compiled(compiled_once, first):
    program = f"import {first}, grammars.puzzles, sys\n"
    program += "print(json.dumps([type(sys.modules[name].__loader__).__name__ for name in "
    program += "('constrained.beads', 'constrained.weighing', 'grammars.puzzles')]))"
    assert compiled_once.says(program) == ["ExtensionFileLoader"] * 3


def test_an_edited_source_wins(compiled):
    (compiled.root / "grammars/puzzles.py").write_text(PUZZLES.replace("return weight(beads),", "return 1,"))
    *answers, engine = compiled.says(ASK)
    assert answers == [1, ANSWERS[1]]
    assert engine.startswith("interpreted: not compiled since its sources changed")
    (compiled.root / "grammars/puzzles.py").write_text(PUZZLES)
    assert compiled.says(ASK)[-1] == "compiled"


@pytest.mark.parametrize("name", ["constrained/new.py", "grammars/new.py"])
def test_a_new_source_counts_as_an_edit_and_one_of_the_runtime_does_not(compiled, name):
    (compiled.root / "constrained/runtime").mkdir()
    (compiled.root / "constrained/runtime/new.py").write_text("")
    assert compiled.says(ASK)[-1] == "compiled"
    (compiled.root / name).write_text("")
    assert compiled.says(ASK)[-1].startswith("interpreted")


def _garbage(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


@pytest.mark.parametrize(
    ("name", "damage", "reason"),
    [
        ("weighing", Path.unlink, "No such file"),
        ("contents.txt", Path.unlink, "No such file"),
        ("contents.txt", lambda path: path.write_text(""), "no library"),
        ("contents.txt", lambda path: path.write_text("so"), "ValueError"),
        ("weighing", lambda path: path.write_bytes(b""), "not as it was written"),
        ("weighing", _garbage, "ImportError"),
        ("mypyc", _garbage, "ImportError"),
    ],
)
def test_a_damaged_folder_is_a_warning_and_the_sources_run(damaged, name, damage: Callable[[Path], object], reason):
    tree = damaged(name, damage)
    done = tree.python("-c", f"import json{ASK}")
    assert done.stdout.startswith(f'[{ANSWERS[0]}, {ANSWERS[1]}, "interpreted: what was compiled cannot be used')
    assert "Traceback" not in done.stderr
    assert "RuntimeWarning: the engine is interpreted: what was compiled cannot be used" in done.stderr
    assert reason in done.stderr


def test_a_module_that_cannot_be_imported_is_a_warning_and_the_sources_run(compiled_once):
    done = compiled_once.python("-c", f"import json{ASK}", BREAK="1")
    assert done.stdout.startswith(f"[{ANSWERS[0]}, {ANSWERS[1]}, ")
    assert "cannot be used: ValueError('broken when it is imported')" in done.stdout
    assert "Traceback" not in done.stderr


def test_processes_that_are_started_anew_run_compiled_too(compiled_once):
    (compiled_once.root / "spawns.py").write_text("""
import multiprocessing
from constrained.beads import strung
from constrained.weighing import weight

def weighed(weights):
    return weight(strung(weights)), type(weight).__name__

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(weighed, [[1, 2, 3]]))
""")
    done = compiled_once.python("spawns.py")
    assert (done.stderr, done.stdout) == ("", "(6, 'builtin_function_or_method')\n")


@pytest.mark.parametrize(
    ("name", "call", "raising", "message"),
    [
        ("weighing", "heaviest(None)", "heaviest", "no beads"),
        ("beads", "Bead(1).lighter(2)", "lighter", "no weight at all"),  # lines were put in above, by the build
    ],
)
def test_a_traceback_shows_the_lines_of_the_sources(compiled_once, name, call, raising, message):
    line = f'raise ValueError("{message}")'
    number = [text.strip() for text in TREE[f"constrained/{name}.py"].splitlines()].index(line) + 1
    done = compiled_once.python("-c", f"from constrained.{name} import *\n{call}")
    assert f'constrained/{name}.py", line {number}, in {raising}\n    {line}\n' in done.stderr


def test_docstrings_are_there(compiled_once):
    program = """
import inspect
from constrained.beads import Bead, strung
said = [Bead.__doc__, Bead.lighter.__doc__, Bead.is_last.__doc__, strung.__doc__]
said += [str(inspect.signature(strung)), str(inspect.signature(Bead.lighter))]
print(json.dumps(said))
"""
    compiled, interpreted = (compiled_once.says(program, CONSTRAINED_NATIVE=native) for native in "10")
    assert compiled[:4] == interpreted[:4]
    assert compiled[4:] == ["(weights)", "(self, /, by)"]


@pytest.mark.parametrize("native", ["0", "1"])
def test_frozen_values_are_copied_and_pickled(compiled_once, native):
    program = """
import copy, pickle
from constrained.beads import Section
section = Section(7)
copies = [copy.copy(section), copy.deepcopy(section), pickle.loads(pickle.dumps(section))]
print(json.dumps([repr(each) for each in copies if each == section and each is not section]))
"""
    assert compiled_once.says(program, CONSTRAINED_NATIVE=native) == ["Section(first=7, most=3)"] * 3


@pytest.mark.parametrize("native", ["0", "1"])
def test_too_deep_a_recursion_is_an_error_on_a_small_stack_too(compiled_once: Tree, native):
    program = """
import threading
from constrained.beads import strung
from constrained.weighing import weight
said = []
def go():
    try:
        weight(strung([1] * 200_000))
    except RecursionError as error:
        said.append(type(error).__name__)
for size in (512 * 1024, 8 << 20):
    threading.stack_size(size)
    thread = threading.Thread(target=go)
    thread.start()
    thread.join()
print(json.dumps(said))
import os; sys_stdout_flush = __import__("sys").stdout.flush(); os._exit(0)  # a string so long is not taken apart
"""
    assert compiled_once.says(program, CONSTRAINED_NATIVE=native) == ["RecursionError", "RecursionError"]


def test_bytes_of_sources_are_what_counts_not_their_time(compiled):
    (compiled.root / "constrained/beads.py").write_text(BEADS)
    assert compiled.says(ASK)[-1] == "compiled"


def test_a_second_build_does_nothing_and_names_the_same_folder(compiled_once):
    done = compiled_once.python("-m", "constrained.native")
    assert (done.returncode, done.stderr) == (0, "")
    assert [Path(done.stdout.strip())] == compiled_once.built


def test_a_damaged_folder_is_built_anew(compiled_once, tree):
    copying = f"shutil.copytree({str(compiled_once.built[0])!r}, out, dirs_exist_ok=True)"
    with (tree.root / "constrained/native/build.py").open("a") as build:
        build.write(f"\n\ndef build(root, out, *, jobs):\n    {copying}\n")
    assert tree.python("-m", "constrained.native").returncode == 0
    next(tree.built[0].rglob("weighing*")).unlink()
    done = tree.python("-W", "ignore", "-m", "constrained.native")
    assert done.returncode == 0, done.stderr
    assert "3 modules" in done.stderr
    assert tree.python("-m", "constrained.native", "--check").stderr == "constrained: the engine is compiled\n"

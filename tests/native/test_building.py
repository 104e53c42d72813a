"""The command that compiles: what it says and leaves behind, where it can and where it cannot."""

import os
import re

import pytest

from constrained.native.shelf import KEPT, making, prune
from constrained.native.sources import ROOT, key_of, shelf_of
from tests.native.conftest import Tree


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"CC": "no-such-compiler"}, "no C compiler (no-such-compiler)"),
        ({"CONSTRAINED_NATIVE": "0"}, "CONSTRAINED_NATIVE=0"),
    ],
)
def test_where_it_cannot_compile_it_says_why_and_leaves_nothing(tree: Tree, variables, said):
    done = tree.python("-m", "constrained.native", **variables)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert tree.built == []
    check = tree.python("-m", "constrained.native", "--check")
    assert (check.returncode, check.stderr.count("\n")) == (1, 1)
    assert "the engine is interpreted: not compiled (" in check.stderr


def test_sources_that_do_not_compile_are_said_and_run(tree):
    (tree.root / "constrained/beads.py").write_text("def weight() -> int:\n    return 'no number'\n")
    done = tree.python("-m", "constrained.native")
    assert (done.returncode, done.stdout, tree.built) == (1, "", [])
    assert "beads.py:2: error" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_key_is_of_names_and_bytes(tree, tmp_path):
    key = key_of(tree.root)
    assert re.fullmatch("[0-9a-f]{20}", key)
    (tree.root / "constrained/beads.py").rename(tree.root / "constrained/pearls.py")
    assert key_of(tree.root) != key


def test_a_build_that_fails_leaves_nothing(tree):
    def fail() -> None:
        with making(tree.root, "key") as folder:
            (folder / "half").touch()
            raise ValueError("midway")

    with pytest.raises(ValueError, match="midway"):
        fail()
    assert tree.built == []


def test_of_two_builds_the_first_is_kept(tree):
    with making(tree.root, "key") as slow:
        (slow / "slow").touch()
        with making(tree.root, "key") as fast:
            (fast / "fast").touch()
    assert [path.name for path in shelf_of(tree.root).rglob("*")] == ["key", "fast"]


def test_the_newest_are_kept_and_what_an_ended_build_left_goes(tree):
    shelf = shelf_of(tree.root)
    for age, name in enumerate(["oldest", "mine", "old", "new", ".making-now", ".making-left"]):
        (shelf / name).mkdir(parents=True)
        at = 0 if name == ".making-left" else (shelf / name).stat().st_mtime + age
        os.utime(shelf / name, (at, at))
    prune(tree.root, "mine")
    assert {path.name for path in shelf.iterdir()} == {"mine", "new", ".making-now"}
    assert KEPT == 2


def test_installations_compile_with_the_version_that_was_tried():
    hook, tried = (ROOT / name for name in ("hatch_build.py", "constraints.txt"))
    if not hook.exists():
        pytest.skip("not in a checkout")
    (version,) = re.findall(r'"(mypy==[\d.]+)"', hook.read_text())
    assert version in tried.read_text().splitlines()

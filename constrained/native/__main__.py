"""Compile the engine, or say which one runs: `python -m constrained.native [--check]`.

    build into a folder  -->  try it, beside the sources  -->  built/<key>/  -->  remove what is old

What was built goes to stdout (a folder), progress and reasons to stderr. Exit codes: 0 the engine is compiled,
1 it is not. Nothing that goes wrong here changes what runs otherwise: the sources.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from constrained.native import compiler
from constrained.native.build import CannotCompile, build, copy
from constrained.native.finder import OFF, contents, engine, variables, write_contents
from constrained.native.kernels import build_kernels
from constrained.native.shelf import making, prune
from constrained.native.sources import ROOT, key_of, shelf_of

# Runs in a process of its own, with the folder and the tree as arguments. Where an installation is being built, numpy
# may not be there: then it is enough that the library can be loaded.
_TRIAL = """
import importlib, importlib.util, pathlib, sys, types
folder, root = map(pathlib.Path, sys.argv[1:])
sys.path.insert(0, str(root))
alone = sys.modules["constrained"] = types.ModuleType("constrained")
alone.__path__ = [str(root / "constrained")]
from constrained.native import finder
if not all(importlib.util.find_spec(name) for name in ("numpy", "numba", "outlines_core", "lark")):
    finder.load_library(finder.contents(folder))
    sys.exit()
engine = finder.install(folder)
del sys.modules["constrained"]
for name in engine.modules or sys.exit(str(engine)):
    importlib.import_module(name)
if importlib.util.find_spec("grammars.trial"):
    print(importlib.import_module("grammars.trial").digest())
"""
_INTERPRETED = "from grammars.trial import digest; print(digest())"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m constrained.native", description="Compile the engine.")
    parser.add_argument("--check", action="store_true", help="say whether the engine is compiled, and if not, why")
    parser.add_argument(
        "--types", action="store_true", help="say whether the sources would compile, as far as mypy knows"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="compilers at the same time (all cores)")
    options = parser.parse_args(arguments)
    if options.check:
        _say(f"the engine is {engine()}")
        return 0 if engine().is_compiled else 1
    if options.types:
        return _types(ROOT / ".cache" / "lowered")
    if os.environ.get(OFF) == "0":
        _say(f"the engine is not compiled: {OFF}=0")
        return 1
    key = key_of(ROOT)
    place = shelf_of(ROOT) / key
    if not _is_whole(place):
        try:
            _make(key, place, options.jobs)
        except (CannotCompile, OSError) as error:
            _say(f"the engine is not compiled, its sources run: {error}")
            return 1
    print(place)  # noqa: T201  the answer
    return 0


def _types(folder: Path) -> int:
    """What is in the folder is kept, so that mypy reads anew only what has changed."""
    from constrained.native import compiling  # noqa: PLC0415  it needs mypy, which only developers have

    folder.mkdir(parents=True, exist_ok=True)
    copy(ROOT, folder)
    return compiling.check(folder)


def _make(key: str, place: Path, jobs: int) -> None:
    if lacking := compiler.missing():
        raise CannotCompile(lacking, "install gcc or clang (on macOS: xcode-select --install)")
    began = time.monotonic()
    _say("compiling the engine: once, in about two minutes")
    shutil.rmtree(place, ignore_errors=True)  # what is not whole
    with making(ROOT, key) as folder, ThreadPoolExecutor(1) as pool:
        kernels = pool.submit(build_kernels, ROOT, folder)  # beside mypy, which uses one core
        build(ROOT, folder, jobs=jobs)
        try:
            kernels.result()
        except CannotCompile as error:
            _say(f"kernels are not compiled, but by numba when they are first called: {error.what}")
        _arrange(folder)
        write_contents(folder)
        _try(folder)
    prune(ROOT, key)
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    modules = len(contents(place)) - 1  # one is the library
    _say(f"compiled after {time.monotonic() - began:.0f} s: {modules} modules, {size / 1e6:.1f} MB")


def _arrange(folder: Path) -> None:
    """Put each module where mypyc's code takes it to be (its `__file__`): a.b.c.<abi>.so is a/b/c.<abi>.so."""
    suffix = EXTENSION_SUFFIXES[0]
    for path in folder.glob(f"*.*{suffix}"):
        place = folder.joinpath(*path.name.removesuffix(suffix).split("."))
        place.parent.mkdir(parents=True, exist_ok=True)
        path.rename(f"{place}{suffix}")


def _try(folder: Path) -> None:
    """Raise CannotCompile unless a new process can use what is in the folder, and it does what the sources do."""
    said = _output(_TRIAL, str(folder), str(ROOT), native=True)
    if said and said != _output(_INTERPRETED, native=False):
        raise CannotCompile("what was compiled does not do what its sources do", "please report this")


def _output(program: str, *arguments: str, native: bool) -> str:
    """What a program prints in a process of its own. Raises CannotCompile if that ends with an error."""
    command = [sys.executable, "-c", program, *arguments]
    environment = variables(ROOT, native=native)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise CannotCompile(f"it does not run:\n{done.stderr[-4000:]}", "please report this")
    return done.stdout


def _is_whole(folder: Path) -> bool:
    try:
        return bool(contents(folder))
    except (OSError, ValueError):
        return False


def _say(line: str) -> None:
    print(f"constrained: {line}", file=sys.stderr, flush=True)  # noqa: T201  as every command of ours


if __name__ == "__main__":
    sys.exit(main())

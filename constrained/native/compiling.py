"""From a lowered copy of the sources to extension modules; run in a process of its own, from the copy's folder.

    sources --circles, lowering--> copy --mypyc--> C --depth, weak references, deep ends--> C
            --compiler--> objects --> one library, and a shim a module

mypyc keeps state of the process, ends it where it finds errors, and takes half a gigabyte: so it has a process.

Third-party imports are `Any` to mypy, whether they are installed or not: so every environment gives the same code.
"""

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mypyc.build import get_cflags, include_dir, mypycify

from constrained.native import deep_ends, depth, raising
from constrained.native.circles import acyclic
from constrained.native.compiler import SUFFIX, compiler, linker, run
from constrained.native.data import fields_of_all
from constrained.native.lowering import COPIED, OPEN, arrays_are_any, bases_of, lowered
from constrained.native.modules import compiled
from constrained.native.readable import readable, with_frozen_states
from constrained.native.weak_references import holders, with_weak_references

# Taken for acyclic: what they refer to in a circle (functions of modules) is never dropped.
_ENDLESS = frozenset(["grammars.json_schema.forms.Form"])

GROUP = "constrained_engine"
TOPS = "constrained", "grammars"  # packages
_HEADERS = include_dir(), "build"

_MYPY = """\
[mypy]
ignore_missing_imports = True
no_site_packages = True
follow_imports = silent
cache_dir = .mypy_cache
disable_error_code = import-untyped, import-not-found, misc, override, no-any-return, no-any-unimported, no-redef
"""


def main(arguments: list[str]) -> None:
    """`arguments`: the folder to write to, the number of jobs, and the level of optimisation."""
    out, jobs, level = arguments
    paths = lower(Path())
    Path("mypy.ini").write_text(_MYPY)
    extensions: list[Any] = mypycify(
        ["--config-file", "mypy.ini", *paths], opt_level=level, debug_level="0", multi_file=True, group_name=GROUP
    )
    made = [(str(extension.name), [str(source) for source in extension.sources]) for extension in extensions]
    with ThreadPoolExecutor(int(jobs)) as pool:
        _library(made[0][1], Path(out), level, pool)
        for done in [pool.submit(_shim, name, shim[0], Path(out)) for name, shim in made[1:]]:
            done.result()


def check(folder: Path) -> int:
    """Lower the copy of the sources in a folder and let mypy read it, as mypyc would; mypy's exit code."""
    (folder / "mypy.ini").write_text(_MYPY)
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", *lower(folder)]
    return subprocess.run(command, check=False, cwd=folder).returncode


def lower(folder: Path) -> list[str]:
    """Lower the copy of the sources in a folder; the paths of the modules that are compiled."""
    paths = compiled(folder)
    found = sorted(path.relative_to(folder).as_posix() for top in TOPS for path in (folder / top).rglob("*.py"))
    sources = {path: (folder / path).read_text("utf-8") for path in found}
    uncollected = acyclic({_module(path): text for path, text in sources.items()}, OPEN | COPIED, _ENDLESS)
    texts = {path: arrays_are_any(text) for path, text in sources.items()}
    tables = fields_of_all((_module(path), text) for path, text in texts.items())
    bases = {base for path, text in texts.items() if path not in paths for base in bases_of(text)}
    for path, text in texts.items():
        if path in paths:
            text = lowered(text, _module(path), tables, bases, uncollected)
        (folder / path).write_text(text, "utf-8")
    return paths


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _library(sources: list[str], out: Path, level: str, pool: ThreadPoolExecutor) -> None:
    """The library that holds all compiled code, by the objects of its C files."""
    texts = {source: Path(source).read_text("utf-8") for source in sources}
    held: dict[str, str] = {}
    for text in texts.values():
        held |= holders(text)
    runtimes = depth.write_runtime(Path("build")), deep_ends.write_runtime(Path("build"))
    raising.write_header(Path("build"))
    for source, text in texts.items():
        if Path(source).name.startswith("__native_"):
            text = with_weak_references(readable(text, _lowered(source)), held)
            texts[source] = raising.with_cold_exits(deep_ends.with_deep_ends(depth.with_depth(text)))
        elif Path(source).name == "misc_ops.c":
            texts[source] = with_frozen_states(text)
    texts |= {str(runtime): runtime.read_text("utf-8") for runtime in runtimes}
    headers = hashlib.sha256()
    for header in sorted(Path("build").glob("*.h")):
        headers.update(header.read_bytes())
    flags = [flag for flag in get_cflags(opt_level=level, debug_level="0", multi_file=True) if flag != "-Werror"]

    def made(source: str) -> str:
        digest = headers.copy()
        digest.update(" ".join([*compiler(_HEADERS), *flags]).encode() + texts[source].encode())
        target = Path("objects") / f"{Path(source).stem}-{digest.hexdigest()[:16]}.o"
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            text = Path("build") / f"looking_{Path(source).name}"
            text.write_text(texts[source])
            run([*compiler(_HEADERS), *flags, "-c", str(text), "-o", f"{target}.part"])
            Path(f"{target}.part").replace(target)
        return str(target)

    by_size = sorted(texts, key=lambda source: -len(texts[source]))
    run([*linker(), *pool.map(made, by_size), "-o", str(out / f"{GROUP}__mypyc{SUFFIX}")])


def _lowered(source: str) -> str:
    """The lowered module that a C file was made of: __native_a___b.c of a/b.py; nothing for what is of no module."""
    path = Path(f"{Path(source).stem.removeprefix('__native_').replace('___', '/')}.py")
    return path.read_text("utf-8") if path.exists() else ""


def _shim(name: str, source: str, out: Path) -> None:
    """The module that Python imports by its name: it asks the library for what it is to be."""
    made = Path("objects") / f"{name}.o"
    made.parent.mkdir(exist_ok=True)
    run([*compiler(_HEADERS), "-O0", "-c", source, "-o", str(made)])
    run([*linker(), str(made), "-o", str(out / f"{name}{SUFFIX}")])


if __name__ == "__main__":
    main(sys.argv[1:])

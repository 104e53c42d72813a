"""Compiled modules in front of their sources: what `constrained` and `grammars` do before they import anything of ours.

    import constrained.mask  -->  Finder: in built/<key>?  --yes-->  built/<key>/constrained/mask.<abi>.so
                                                           --no--->  constrained/mask.py, as ever

All or nothing: a folder is used when every file is there in its size, the library in which the code is can be loaded,
and the engine's modules can be imported. Otherwise one warning says why, and the sources run. They also run where
nothing was built from them, and where `CONSTRAINED_NATIVE=0` says so.

Compiled modules import each other without asking anybody, and come from the same folder.
"""

import os
import sys
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from constrained.native.sources import ROOT, key_of, shelf_of

OFF = "CONSTRAINED_NATIVE"  # =0: interpreted
CONTENTS = "contents.txt"  # every file of a folder with its size: what is missing is seen before anything is imported

_COMMAND = "`python -m constrained.native`"
_FIRST = "constrained."  # the modules that are imported at once: all that `import constrained` needs, and few others
_LIBRARY = "__mypyc"  # the module in which the code of all is: its name ends so


@dataclass(frozen=True, slots=True)
class Engine:
    """Which engine this process runs.

    reason  why it is interpreted; empty for a compiled one
    """

    modules: Mapping[str, Path]  # compiled ones, by dotted name
    reason: str = ""

    @property
    def is_compiled(self) -> bool:
        """Whether compiled modules are used at all."""
        return bool(self.modules)

    @property
    def kind(self) -> str:
        """One word for it."""
        return "compiled" if self.is_compiled else "interpreted"

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}" if self.reason else self.kind


def variables(root: Path, *, native: bool) -> dict[str, str]:
    """Of a process that runs the tree at `root`: what is compiled of it, or its sources."""
    paths = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {OFF: str(int(native)), "PYTHONPATH": paths}


class Finder:
    """Finds compiled modules by name, and nothing else."""

    def __init__(self, modules: Mapping[str, Path]) -> None:
        self.modules = modules

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What importlib asks every finder."""
        file = self.modules.get(name)
        if file is None:
            return None
        return spec_from_file_location(name, file, loader=ExtensionFileLoader(name, str(file)))


_running: list[Engine] = []  # at most one


def engine() -> Engine:
    """The engine of this process."""
    return _running[0] if _running else install()


def install(folder: Path | None = None) -> Engine:
    """Put compiled modules in front, once a process: those of `folder`, or what was built from the sources here."""
    if not _running:
        _running.append(_installed(folder))
    return _running[0]


def _installed(folder: Path | None) -> Engine:
    if folder is None and os.environ.get(OFF) == "0":
        return Engine({}, f"{OFF}=0")
    try:
        chosen = folder or _built()
        if isinstance(chosen, str):
            return Engine({}, chosen)
        modules = contents(chosen)
        with _in_front(modules):
            load_library(modules)
            for name in modules:
                if name.startswith(_FIRST):
                    import_module(name)
    except Exception as error:  # noqa: BLE001  whatever is wrong with what was compiled, the sources run
        reason = f"what was compiled cannot be used: {error!r} ({_COMMAND} compiles anew)"
        warnings.warn(f"the engine is interpreted: {reason}", RuntimeWarning, stacklevel=2)
        return Engine({}, reason)
    return Engine(modules)


@contextmanager
def _in_front(modules: Mapping[str, Path]) -> Generator[None]:
    """Find compiled modules first, from now on; not if an exception ends this: then no trace of them is left."""
    finder, earlier = Finder(modules), set(sys.modules)
    sys.meta_path.insert(0, finder)
    try:
        yield
    except Exception:
        sys.meta_path.remove(finder)
        for name in set(sys.modules) - earlier:
            if name.startswith(_FIRST):
                del sys.modules[name]
        raise


def load_library(modules: Mapping[str, Path]) -> None:
    """Load the code of all modules, without running any. Raises ImportError or ValueError."""
    name = next((name for name in modules if name.endswith(_LIBRARY)), None)
    if name is None:
        raise ValueError("there is no library")
    spec = Finder(modules).find_spec(name)
    if spec is None:
        raise ImportError(name)
    sys.modules[name] = module_from_spec(spec)


def _built() -> Path | str:
    """The folder for the sources that are here, or why there is none."""
    shelf = shelf_of(ROOT)
    if not shelf.is_dir() or not any(shelf.iterdir()):
        return f"not compiled ({_COMMAND} does it)"
    folder = shelf / key_of(ROOT)
    return folder if folder.is_dir() else f"not compiled since its sources changed ({_COMMAND} does it)"


def write_contents(folder: Path) -> None:
    """Say in `folder` what belongs to it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != CONTENTS)
    lines = [f"{path.stat().st_size} {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / CONTENTS).write_text("".join(lines), encoding="utf-8")


def contents(folder: Path) -> dict[str, Path]:
    """The modules in `folder` by dotted name. Raises OSError or ValueError if a file is not as it was written."""
    modules: dict[str, Path] = {}
    for line in (folder / CONTENTS).read_text(encoding="utf-8").splitlines():
        size, name = line.split(" ", 1)
        path = folder / name
        if path.stat().st_size != int(size):
            raise ValueError(f"{path} is not as it was written")
        suffix = next((suffix for suffix in EXTENSION_SUFFIXES if name.endswith(suffix)), "")
        if suffix:
            modules[name.removesuffix(suffix).replace("/", ".")] = path
    return modules

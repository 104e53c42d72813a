"""Compile the engine: from a tree of sources to a folder of extension modules.

    build(root, out, jobs=2)      out/constrained.rests.cpython-311-....so and so on, and the library they share

This file imports nothing but the standard library, so that an installation can load it by its path before anything
is installed. The work is done by compiling.py in a process of its own, in a temporary folder.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# Where numpy is not installed, `constrained` cannot be imported; its part that compiles needs nothing of the rest.
_WITHOUT_THE_REST = """\
import sys, types
package = types.ModuleType("constrained")
package.__path__ = [sys.argv[1] + "/constrained"]
sys.modules["constrained"] = package
from constrained.native.compiling import main
main(sys.argv[2:])
"""


class CannotCompile(Exception):
    """The engine cannot be compiled here; the sources run as ever. `hint` says what to do."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(f"{what}\nhint: {hint}")
        self.what = what
        self.hint = hint


def build(root: Path, out: Path, *, jobs: int, level: str = "2", work: Path | None = None) -> None:
    """Compile the modules of the tree at `root` that modules.py lists, into the folder `out`.

    level  of the compiler's optimisation, 0 to 3
    work   a folder that is kept between builds, in which only what has changed is compiled again

    Raises CannotCompile.
    """
    if work is None:
        with tempfile.TemporaryDirectory(prefix="constrained-native-") as folder:
            build(root, out, jobs=jobs, level=level, work=Path(folder))
        return
    out.mkdir(parents=True, exist_ok=True)
    copy(root, work)
    code = [sys.executable, "-c", _WITHOUT_THE_REST, str(Path(__file__).resolve().parents[2])]
    command = [*code, str(out.resolve()), str(jobs), level]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=work)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise CannotCompile(*_why(said))


def copy(root: Path, work: Path) -> None:
    """Put the sources of the tree at `root` into the folder `work`, in place of those that may be there."""
    for package in ("constrained", "grammars"):
        shutil.rmtree(work / package, ignore_errors=True)
        if (root / package).is_dir():
            shutil.copytree(root / package, work / package, ignore=shutil.ignore_patterns("__pycache__", "built"))


def _why(said: str) -> tuple[str, str]:
    """What is wrong, and what to do, from what the process said."""
    if "No module named 'mypy" in said or "No module named 'setuptools" in said:
        return "mypy and setuptools are needed to compile", "pip install 'mypy[mypyc]'"
    if "no C compiler" in said:
        return "there is no C compiler", "install gcc or clang (on macOS: xcode-select --install)"
    return f"compiling failed:\n{said[-4000:]}", "the sources run as ever; please report this"

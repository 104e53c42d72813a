"""What an installation does beside copying files: it compiles the engine, where there is a C compiler.

    pip install .      built/<key>/ goes into the wheel, which gets the tag of this Python and this platform
    pip install -e .   built/<key>/ stays in the tree

Nothing here stops an installation. Without a C compiler, with `CONSTRAINED_NATIVE=0`, and whatever else goes wrong, one
line says so (`pip -v` shows it), and the sources are installed alone, which do the same more slowly.
"""

import importlib.util
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NEEDED = ["mypy==2.4.1", "setuptools>=77"]  # mypyc comes with mypy; constraints.txt has the same one
FOR_KERNELS = "numpy", "numba", "tokenizers", "outlines-core"  # of the dependencies: what compiling kernels imports
PYTHONS = (3, 11), (3, 14)  # the first and the last that this mypy has wheels for

# `constrained` cannot be imported before numpy is installed; its part that compiles needs nothing of the rest.
_WITHOUT_THE_REST = """
import runpy, sys, types
package = sys.modules["constrained"] = types.ModuleType("constrained")
package.__path__ = [sys.argv.pop(1)]
runpy.run_module("constrained.native", run_name="__main__", alter_sys=True)
"""


class CompilingHook(BuildHookInterface[Any]):
    """hatchling calls `dependencies` first, then `initialize`."""

    def dependencies(self) -> list[str]:
        """What compiling needs, if it is going to be tried."""
        kernels = [each for each in self.metadata.core.dependencies if each.startswith(FOR_KERNELS)]
        return [] if self._refused() else [*NEEDED, *kernels]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and add what was built to a wheel."""
        built, reason = ("", self._refused()) if self._refused() else self._built()
        if reason:
            self.app.display_warning(f"the engine is not compiled, and runs from its sources: {reason}")
        elif version != "editable":
            build_data["force_include"][built] = Path(built).relative_to(self.root).as_posix()
            build_data["pure_python"] = False
            build_data["infer_tag"] = True

    def _refused(self) -> str:
        """Why compiling is not tried; empty if it is."""
        if os.environ.get("CONSTRAINED_NATIVE") == "0":
            return "CONSTRAINED_NATIVE=0"
        if platform.python_implementation() != "CPython" or not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
            return f"no mypyc for Python {platform.python_version()} ({platform.python_implementation()})"
        path = Path(self.root) / "constrained" / "native" / "compiler.py"
        spec = importlib.util.spec_from_file_location("constrained_compiler", path)
        if spec is None or spec.loader is None:
            return f"{path} cannot be read"
        compiler = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(compiler)
        return str(compiler.missing())

    def _built(self) -> tuple[str, str]:
        """The folder of what was built, and why there is none."""
        command = [sys.executable, "-c", _WITHOUT_THE_REST, str(Path(self.root) / "constrained")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.root)
        if done.returncode == 0 and Path(done.stdout.strip()).is_dir():
            return done.stdout.strip(), ""
        return "", next((line for line in done.stderr.splitlines() if "not compiled" in line), "it ended with an error")

"""The C compiler and the linker: whether they are there, and how they are called.

setuptools calls what Python was built with, or what the variable `CC` says. Pythons that were built elsewhere name a
compiler that is not here; then the usual names are tried.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

SUFFIX = str(sysconfig.get_config_var("EXT_SUFFIX"))  # of extension modules

_USUAL = "cc", "gcc", "clang"
_OF_SYSTEM = Path("/usr/bin")
# What is not come to in a section of its own (raising.py); calls of Python without a stub between.
_APART = "-freorder-blocks-and-partition", "-fno-plt"


def missing() -> str:
    """What lacks for compiling, in words; empty if nothing does.

    Sets `CC` where what Python was built with is not here, and another compiler is.
    """
    configured = os.environ.get("CC") or sysconfig.get_config_var("CC") or ""
    if not _is_there(shlex.split(configured)[:1]):
        found = next((name for name in _USUAL if _is_there([name])), None)
        if "CC" in os.environ or found is None:
            return f"no C compiler ({configured or 'cc'})"
        os.environ["CC"] = found
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        return "no headers of Python (Linux: python3-dev)"
    return ""


def compiler(folders: Iterable[str]) -> list[str]:
    """The command that compiles C for an extension module, with `folders` of headers beside Python's."""
    said = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    headers = [sysconfig.get_path("include"), *folders]
    # hidden: functions of one library call each other directly, and not through a table
    flags = "-fPIC", "-fvisibility=hidden", "-fwrapv", "-DNDEBUG", "-w", "-pthread"
    apart = _APART if sys.platform == "linux" else ()
    return [*said.split(), *flags, *apart, *(f"-I{folder}" for folder in headers)]


def linker() -> list[str]:
    """The command that links an extension module."""
    said = sysconfig.get_config_var("LDSHARED") or "cc -shared"
    if "CC" in os.environ:
        said = " ".join([os.environ["CC"], *said.split()[1:]])
    return [*said.split(), "-pthread"]


def run(command: list[str]) -> None:
    """Run one of these; ends this process with what it said if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        sys.exit(f"no C compiler: {command[0]} is not there")
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr[-4000:]}")


def _is_there(command: list[str]) -> bool:
    found = shutil.which(command[0]) if command else None
    if found is None:
        return False
    if sys.platform == "darwin" and Path(found).parent == _OF_SYSTEM:
        # There without the command line tools too: calling it would open a window that offers to install them.
        return subprocess.run(["xcode-select", "--print-path"], capture_output=True, check=False).returncode == 0
    return True

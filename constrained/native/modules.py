"""Which modules are compiled: those of flat, typed Python that a mask or a first mask spends its time in.

Left out, and run from their sources whatever happens:
- kernels and what declares them, which numba compiles (kernels.py, or by_numba.py when they are called);
- packages' `__init__`, which only import, and the modules below, each for a reason of its own.
"""

import re
from pathlib import Path

_FOLDERS = (
    "constrained",
    "constrained/automata",
    "constrained/ranks",
    "grammars",
    "grammars/json_schema",
    "grammars/lark",
    "grammars/tools",
)

_KERNELS = re.compile(r"^@(kernel|kernel_part|inlined_part|short_kernel|intrinsic|njit)\b", re.MULTILINE)

_INTERPRETED = frozenset(
    [
        "constrained/errors.py",  # exceptions are caught by others, and pickled
        "constrained/memory.py",  # runs once
        "constrained/observation.py",  # dataclasses for others to read
        "constrained/warming.py",  # runs once
        "constrained/scratch.py",  # threading.local
        "constrained/automata/jit.py",  # runs once
        "constrained/automata/remembered.py",  # decorates functions of every kind
        "constrained/automata/rust_parse.py",  # surrogates in literals, which mypyc refuses
        "constrained/ranks/channel.py",  # waits for others
        "grammars/enclosed.py",  # its classes are kept weakly
        "grammars/json_schema/formats_build.py",  # run once a process
        "grammars/json_schema/formats_idn.py",
        "grammars/json_schema/formats_kept.py",  # files
        "grammars/json_schema/formats_net.py",
        "grammars/json_schema/formats_regex.py",
        "grammars/json_schema/formats_time.py",
        "grammars/json_schema/formats_uri.py",
        "grammars/json_schema/formats.py",
        "grammars/lark/wording.py",  # surrogates in literals
    ]
)


def compiled(root: Path) -> list[str]:
    """The paths of the modules of the tree at `root` that are compiled, relative to it, in order."""
    found: list[str] = []
    for folder in _FOLDERS:
        for path in sorted((root / folder).glob("*.py")):
            name = path.relative_to(root).as_posix()
            if path.name == "__init__.py" or name in _INTERPRETED or _KERNELS.search(path.read_text("utf-8")):
                continue
            found.append(name)
    return found

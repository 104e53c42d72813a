"""Which compiled engine belongs to which sources: a key, and a folder under it.

    every .py that compiled code is made of or reads, --hash-->  key  -->  constrained/native/built/<key>/
    the build's own code, Python's ABI, the processor

The key is computed when the engine is imported, from the bytes that are there now. So compiled modules whose sources
have changed since are not found: an edited source never loses against a stale module.
"""

import hashlib
import os
import platform
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

ROOT = Path(__file__).parents[2]  # of the tree that this module is imported from

_PACKAGES = "constrained", "grammars"
_APART = frozenset(["__pycache__", "built", "notebook", "runtime"])  # folders that compiled code does not read


def key_of(root: Path) -> str:
    """The name of what is compiled from the sources at `root` by this Python on this machine."""
    digest = hashlib.blake2b(digest_size=10)
    digest.update(f"{EXTENSION_SUFFIXES[0]} {platform.machine()}".encode())
    for package in _PACKAGES:
        for path in _sources(root / package):
            content = path.read_bytes()
            digest.update(f"\n{path.relative_to(root).as_posix()} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.name.endswith(".py"):
            yield Path(entry.path)
        elif entry.name not in _APART and entry.is_dir():
            yield from _sources(Path(entry.path))


def shelf_of(root: Path) -> Path:
    """The folder in which compiled engines are, each under its key."""
    return root / "constrained" / "native" / "built"

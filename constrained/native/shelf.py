"""Compiled engines on disk: written, and thrown away.

    built/.making-x/  --filled, tried, renamed-->  built/<key>/

Who finds a folder under its key finds all of it. Of two builds of the same sources one is kept, whichever was first.
"""

import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from constrained.native.sources import shelf_of

KEPT = 2  # folders: what is used now, and the newest other one, of another branch or another Python

_MAKING = ".making-"
_ABANDONED = 3_600.0  # seconds after which what is being written is taken for left behind


@contextmanager
def making(root: Path, key: str) -> Generator[Path]:
    """An empty folder to fill, which is there under `key` when all went well, and gone otherwise."""
    shelf = shelf_of(root)
    shelf.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=_MAKING, dir=shelf))
    try:
        yield folder
        folder.chmod(0o755)  # mkdtemp's is for its owner alone
        with suppress(OSError):  # somebody else was faster, with the same
            folder.rename(shelf / key)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def prune(root: Path, key: str) -> None:
    """Remove all compiled engines but that of `key` and the newest others, and what builds left that were ended."""
    finished: list[tuple[float, Path]] = []
    for folder in shelf_of(root).iterdir():
        with suppress(OSError):
            age = folder.stat().st_mtime
            if not folder.name.startswith(_MAKING):
                finished.append((age, folder))
            elif time.time() - age > _ABANDONED:
                shutil.rmtree(folder, ignore_errors=True)
    others = sorted(((age, folder) for age, folder in finished if folder.name != key), reverse=True)
    for _, folder in others[KEPT - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)

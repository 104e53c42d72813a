"""Text to ids as the model's own tokenizer does it, for text that continues what is there.

A tokenizer encodes a *text*; we ask about a *continuation*. Some SentencePiece tokenizers put a space
in front of every text, which would come out in the middle of ours. So when the ids spell a space too
many, the text is encoded again behind another character, and the ids up to it are dropped:

    "{"    ->  "▁{"                  spells " {"
    "\\n{"  ->  "▁", "<0x0A>", "{"    spells " \\n" + "{"    ->  "{"

The ids are the tokenizer's own advice, and not always exact: one that normalises its input (NFC)
spells the normalised text, and one that sees the name of a control token writes that token. Compare
the bytes that the ids spell before relying on them.
"""

import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from tokenizers import Regex, Tokenizer
from tokenizers.pre_tokenizers import Split

from constrained.errors import VocabularyError
from constrained.vocabulary.cache import digest_of

Encode = Callable[[str], list[int]]
Spellings = Sequence[bytes | None]

_BEFORE = ("\n", ".", "\x02")  # characters that rarely merge with what follows


def spell(ids: Sequence[int], spellings: Spellings) -> bytes | None:
    """What `ids` spell together, or None where one of them spells nothing."""
    texts = [spellings[token] for token in ids]
    return b"".join(text for text in texts if text is not None) if None not in texts else None


class TokenizerEncoding:
    """The encoding of a `tokenizers.Tokenizer`, which `build` makes when it is first needed: that takes a second."""

    def __init__(self, build: Callable[[], Tokenizer], spellings: Spellings) -> None:
        self._build = build
        self._built: Tokenizer | None = None
        self._lock = threading.Lock()
        self._spellings = spellings

    def __call__(self, text: str) -> list[int]:
        """The ids of `text` as a continuation. Raises VocabularyError if the tokenizer's file has changed."""
        ids = self._encode(text)
        if spell(ids, self._spellings) != b" " + text.encode():
            return ids
        for before in _BEFORE:
            behind = self._after(before, text)
            if behind is not None:
                return behind
        return ids

    def _encode(self, text: str) -> list[int]:
        with self._lock:
            if self._built is None:
                self._built = self._build()
        return self._built.encode(text, add_special_tokens=False).ids

    def _after(self, before: str, text: str) -> list[int] | None:
        """The ids of `before + text` from where `text` begins, if an id begins there."""
        ids = self._encode(before + text)
        for cut in range(1, len(ids)):
            if spell(ids[:cut], self._spellings) == f" {before}".encode():
                return ids[cut:] if spell(ids[cut:], self._spellings) == text.encode() else None
        return None


class TekkenEncoding:
    """Byte pair encoding by rank: cut the text by `pattern`, then merge the pair of lowest rank until none is left."""

    def __init__(self, pattern: str, spellings: Spellings) -> None:
        self._pattern = pattern
        self._spellings = spellings

    @cached_property
    def _split(self) -> Split:
        return Split(Regex(self._pattern), "isolated")

    @cached_property
    def _rank(self) -> dict[bytes, int]:
        """Spelling -> id; ids and ranks differ by a constant, so their order is the same."""
        return {text: token for token, text in enumerate(self._spellings) if text}

    def __call__(self, text: str) -> list[int]:
        """The ids of `text`; names of control tokens in it are written as text."""
        return [token for piece, _ in self._split.pre_tokenize_str(text) for token in self._merge(piece.encode())]

    def _merge(self, piece: bytes) -> list[int]:
        rank = self._rank
        if piece in rank:
            return [rank[piece]]
        parts = [bytes([byte]) for byte in piece]
        while len(parts) > 1:
            merges = [rank.get(left + right) for left, right in pairwise(parts)]
            best = min((merge for merge in merges if merge is not None), default=None)
            if best is None:
                break
            at = merges.index(best)
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return [rank[part] for part in parts]


def load_tokenizer(path: Path, digest: str) -> Tokenizer:
    """The tokenizer in `path`. Raises VocabularyError if the content no longer has this digest."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise VocabularyError(f"cannot read {path} again: {error.strerror}") from error
    if digest_of(content) != digest:
        raise VocabularyError(f"{path} has changed since its vocabulary was read")
    return Tokenizer.from_buffer(content)

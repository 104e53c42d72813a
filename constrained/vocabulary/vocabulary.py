"""A model's vocabulary as bytes: what each id spells, which ids are not text, which end it.

    id      0      1       2             3         4       5 (logits wider than the tokenizer)
    spells  b"a"   b" {"   -             b"\\xc3"   -       -
    kind    text   text    control       text      end     unused
                           <tool_call>             </s>

Text is reached by its bytes, through the trie. Control tokens are matched by id only; end tokens have
usually a name, and then they are control tokens too. Unused ids are never allowed. A vocabulary is
read once per tokenizer and kept on disk: reading a file of 28 MB and sorting 200,000 tokens takes a
second or two.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np

from constrained.errors import VocabularyError
from constrained.vocabulary import cache, encoding, source
from constrained.vocabulary.encoding import Encode
from constrained.vocabulary.source import Source
from constrained.vocabulary.trie import NO_TOKEN, Trie, build

# Shapes: V ids, L bytes in all spellings together; N and D as in trie.py.


@dataclass(frozen=True, eq=False, repr=False)
class Vocabulary:
    """What a model's ids mean; immutable, share it freely between threads and requests."""

    size: int  # V, the width of the logits
    spellings: tuple[bytes | None, ...]  # (V,) None: control, end or unused; never b""
    eos_token_ids: tuple[int, ...]  # ids that may end a text, ascending, at least one
    control: Mapping[str, int]  # text -> id of the tokens that are matched by id only
    trie: Trie  # over `spellings`
    fingerprint: str  # a hash over all of the above: equal fingerprints, equal masks
    encode: Encode | None = None  # the tokenizer's own ids for a text (see encoding.py); None when made by hand

    @classmethod
    def from_tokenizer(
        cls, tokenizer: object, size: int | None = None, *, eos_token_ids: Iterable[int] | None = None
    ) -> "Vocabulary":
        """Read a Hugging Face fast tokenizer, an mlx-lm `TokenizerWrapper`, or a `tokenizers.Tokenizer`.

        `size` is the width of the logits where it exceeds the tokenizer's ids: the ids beyond are never
        allowed. `eos_token_ids` replaces the tokenizer's own (a `tokenizers.Tokenizer` has none).
        Raises VocabularyError for a tokenizer whose tokens do not spell bytes, without end tokens, or
        with ids that `size` does not hold.
        """
        return _read(source.from_tokenizer(tokenizer, eos_token_ids), size)

    @classmethod
    def from_tokenizer_file(
        cls, path: str | Path, *, eos_token_ids: Iterable[int] | None = None, size: int | None = None
    ) -> "Vocabulary":
        """Read a `tokenizer.json` or a `tekken.json`.

        Without `eos_token_ids`, `generation_config.json` and `tokenizer_config.json` beside the file say
        which tokens end a text (in a tekken.json, failing that, `</s>`). The first call of `encode` reads
        the file again. Raises VocabularyError as `from_tokenizer`, and for a file that cannot be read.
        """
        return _read(source.from_file(Path(path), eos_token_ids), size)

    @classmethod
    def from_spellings(
        cls, spellings: Sequence[bytes | None], eos_token_ids: Iterable[int], control: Mapping[str, int] | None = None
    ) -> "Vocabulary":
        """Make one by hand: `spellings[id]`, None for unused ids.

        End and control tokens spell nothing, whatever `spellings` says of them. Raises VocabularyError
        for ids outside of it, and without any end token.
        """
        return _assemble(spellings, eos_token_ids, control or {})

    @property
    def words(self) -> int:
        """W, the 32-bit words of a mask: token t is bit t % 32 of word t // 32."""
        return -(-self.size // 32)

    @cached_property
    def alphabet(self) -> frozenset[int]:
        """The bytes that are a token of their own: any text over them can be written."""
        single = (self.trie.depth == 0) & (self.trie.token != NO_TOKEN)  # (N,)
        return frozenset(self.trie.byte[single].tolist())

    def spell(self, ids: Sequence[int]) -> bytes | None:
        """The bytes of `ids` in a row, or None where one of them spells nothing."""
        return encoding.spell(ids, self.spellings)

    def __repr__(self) -> str:
        return (
            f"Vocabulary(size={self.size}, eos_token_ids={self.eos_token_ids}, "
            f"control={len(self.control)} tokens, fingerprint={self.fingerprint!r})"
        )


def _read(origin: Source, size: int | None) -> Vocabulary:
    """From the disk cache, or else from the source's content."""
    key = cache.digest_of(origin.digest().encode(), str(size).encode())
    entry = cache.load(key)
    if entry is None:
        reading = origin.read()
        pattern = reading.pattern
        spellings = _widened(reading.tokens.spellings, size)
        vocabulary = _assemble(spellings, reading.eos_token_ids, reading.tokens.control)
        cache.store(key, _pack(vocabulary, pattern))
    else:
        vocabulary = _unpack(entry)
        pattern = entry.header["pattern"]
    return replace(vocabulary, encode=source.encoding_of(origin, pattern, vocabulary.spellings))


def _widened(spellings: Sequence[bytes | None], size: int | None) -> Sequence[bytes | None]:
    """`spellings` with unused ids up to `size`."""
    if size is None:
        return spellings
    if size < len(spellings):
        raise VocabularyError(f"size is {size}, but the tokenizer's highest id is {len(spellings) - 1}")
    return [*spellings, *[None] * (size - len(spellings))]


def _assemble(
    spellings: Sequence[bytes | None], eos_token_ids: Iterable[int], control: Mapping[str, int]
) -> Vocabulary:
    ends = tuple(sorted({int(token) for token in eos_token_ids}))
    if not ends:
        raise VocabularyError("no token ends a text (pass eos_token_ids)")
    by_id = {token: f"control token {text!r}" for text, token in control.items()} | dict.fromkeys(ends, "end token")
    for token, what in by_id.items():
        if not 0 <= token < len(spellings):
            raise VocabularyError(f"{what} has id {token}, outside of 0..{len(spellings) - 1}")
    spelled = tuple(text if text and token not in by_id else None for token, text in enumerate(spellings))
    return Vocabulary(
        size=len(spelled),
        spellings=spelled,
        eos_token_ids=ends,
        control=MappingProxyType(dict(control)),
        trie=build(spelled),
        fingerprint=_fingerprint(spelled, ends, control),
    )


def _fingerprint(spellings: tuple[bytes | None, ...], ends: tuple[int, ...], control: Mapping[str, int]) -> str:
    lengths, text = _flat(spellings)
    ids = json.dumps([ends, sorted(control.items())]).encode()
    return cache.digest_of(lengths.tobytes(), text, ids)[:32]


# ---------------------------------------------------------------- on disk


def _flat(spellings: tuple[bytes | None, ...]) -> tuple[np.ndarray[tuple[int], np.dtype[np.int32]], bytes]:
    """Lengths (V,) with -1 for None, and the bytes (L,) of all spellings in a row."""
    lengths = np.array([-1 if text is None else len(text) for text in spellings], np.int32)
    return lengths, b"".join(text for text in spellings if text is not None)


def _pack(vocabulary: Vocabulary, pattern: str | None) -> cache.Entry:
    lengths, text = _flat(vocabulary.spellings)
    header = {
        "eos_token_ids": vocabulary.eos_token_ids,
        "control": dict(vocabulary.control),
        "fingerprint": vocabulary.fingerprint,
        "max_depth": vocabulary.trie.max_depth,
        "pattern": pattern,
    }
    arrays = {name: getattr(vocabulary.trie, name) for name in ("byte", "depth", "skip", "token", "duplicates")}
    return cache.Entry(header, arrays | {"lengths": lengths, "text": np.frombuffer(text, np.uint8)})


def _unpack(entry: cache.Entry) -> Vocabulary:
    header, arrays = entry.header, dict(entry.arrays)
    text = arrays.pop("text").tobytes()
    length = arrays.pop("lengths")  # (V,)
    end = np.cumsum(np.maximum(length, 0))  # (V,)
    start: list[int] = (end - length).tolist()  # beyond its end for None
    spellings = [text[first:last] or None for first, last in zip(start, end.tolist(), strict=True)]
    return Vocabulary(
        size=len(spellings),
        spellings=tuple(spellings),
        eos_token_ids=tuple(header["eos_token_ids"]),
        control=MappingProxyType(header["control"]),
        trie=Trie(**arrays, max_depth=header["max_depth"]),
        fingerprint=header["fingerprint"],
    )

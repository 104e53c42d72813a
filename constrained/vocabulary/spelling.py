"""What does every id of a `tokenizer.json` spell? Decided by its decoder, never by a model's name.

    decoder                                           a token's text        spells
    ByteLevel (GPT-2's byte map)                      "Ġhi", "Ã©"           b" hi", b"\\xc3\\xa9"
    Replace, ByteFallback, Fuse, Strip / Metaspace    "▁hi", "<0x0A>"       b" hi", b"\\n"

A byte-level tokenizer writes each byte as one printable character. A SentencePiece one writes text,
a space as `▁`, and what it has no piece for as byte tokens; without those (no byte fallback) some
text cannot be written at all, and it is refused, like everything else that we do not understand.
Its decoder also strips a space that the encoder put in front of the text: that belongs to a text's
start, not to a token, so it plays no part here (see encoding.py for the encoder's side).

Added tokens stand beside the model's own vocabulary. Special ones, and those that look like markup
(`<tool_call>`, `[INST]`, `<｜DSML｜>`), are *control* tokens: they are matched by id only, and the same
characters as text are written with other tokens. The rest (runs of spaces, words) is ordinary text.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from constrained.errors import VocabularyError

Json = Mapping[str, Any]
Speller = Callable[[str], bytes]  # a token's text -> the bytes that it spells

_SUPPORTED = "supported are byte-level BPE, SentencePiece with byte fallback, and tekken"
_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_MARKUP = re.compile(r"<.*\w.*>|\[.*\w.*\]|[｜＜].*\w.*[｜＞]")  # on one line


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a tokenizer's file says about its ids."""

    spellings: list[bytes | None]  # by id; None: control, or a hole in the numbering
    control: dict[str, int]  # text -> id of tokens that are matched by id only
    ids: Mapping[str, int]  # text, as the file writes it -> id, for every token


def read_tokens(tokenizer: Json) -> Tokens:
    """The tokens of a parsed `tokenizer.json`. Raises VocabularyError for a kind that is not supported."""
    spell = _speller(tokenizer)
    model: Json = tokenizer["model"]
    added: list[Json] = tokenizer.get("added_tokens") or []
    ids = dict(_model_ids(model))
    added_ids = {token["id"] for token in added}
    spelled = {token: spell(text) for text, token in ids.items() if token not in added_ids}
    ids.update({token["content"]: token["id"] for token in added})

    control = {token["content"]: token["id"] for token in added if token.get("special") or is_markup(token["content"])}
    control.update({text: ids[text] for text in _unknown(model) if text in ids})
    spelled.update({token["id"]: _spell_added(token["content"], spell) for token in added})
    spellings: list[bytes | None] = [None] * (max(ids.values(), default=-1) + 1)
    for token, text in spelled.items():
        spellings[token] = text
    for token in control.values():
        spellings[token] = None
    return Tokens(spellings, control, ids)


def is_markup(content: str) -> bool:
    """Does an added token look like a marker (`<think>`, `[INST]`, `<|im_end|>`) and not like text?"""
    return _MARKUP.fullmatch(content) is not None


def _model_ids(model: Json) -> Mapping[str, int]:
    vocabulary: Any = model["vocab"]
    if model["type"] == "Unigram":
        return {text: token for token, (text, _score) in enumerate(vocabulary)}
    return vocabulary


def _unknown(model: Json) -> Iterator[str]:
    """The text of the model's unknown-token, which stands for no text."""
    if model.get("unk_token") is not None:
        yield model["unk_token"]
    if model.get("unk_id") is not None:
        yield model["vocab"][model["unk_id"]][0]


# ---------------------------------------------------------------- kinds of tokenizers


def _speller(tokenizer: Json) -> Speller:
    """How this tokenizer's tokens are spelled."""
    model = tokenizer["model"]
    decoder = list(_steps(tokenizer.get("decoder")))
    kinds = [step["type"] for step in decoder]
    splits = [step["type"] for step in _steps(tokenizer.get("pre_tokenizer"))]
    found = f"found model {model['type']}, decoder {'+'.join(kinds) or None}, pre-tokenizer {'+'.join(splits) or None}"
    if model["type"] not in ("BPE", "Unigram"):
        raise VocabularyError(f"tokens of a {model['type']} model do not spell bytes: {found} ({_SUPPORTED})")
    for affix in ("continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(affix):
            raise VocabularyError(f"the model marks words with {affix} {model[affix]!r}: {found} ({_SUPPORTED})")
    if kinds == ["ByteLevel"] or (not kinds and "ByteLevel" in splits):
        return _spell_byte_level
    if "ByteFallback" in kinds or "Metaspace" in kinds:
        if not model.get("byte_fallback") or "ByteFallback" not in kinds:
            raise VocabularyError(f"without byte fallback some text cannot be written: {found} ({_SUPPORTED})")
        return _sentencepiece(decoder, found)
    raise VocabularyError(f"cannot tell which bytes the tokens spell: {found} ({_SUPPORTED})")


def _steps(section: Json | None) -> Iterator[Json]:
    """The steps of a decoder or pre-tokenizer, nested sequences flattened."""
    if section is None:
        return
    if section["type"] != "Sequence":
        yield section
        return
    steps: list[Json] = section.get("decoders") or section.get("pretokenizers") or []
    for step in steps:
        yield from _steps(step)


def _byte_characters() -> dict[str, int]:
    """GPT-2's byte map: a printable Latin-1 character stands for itself, the other bytes for U+0100 and on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + index): byte for index, byte in enumerate(others)}


_BYTE_OF = _byte_characters()


def _spell_byte_level(text: str) -> bytes:
    try:
        return bytes([_BYTE_OF[character] for character in text])
    except KeyError:  # as the ByteLevel decoder does it: all characters of a token, or none
        return text.encode()


def _sentencepiece(decoder: list[Json], found: str) -> Speller:
    replaced: list[tuple[str, str]] = []
    fused = False
    for step in decoder:
        match step:
            case {"type": "Replace", "pattern": {"String": str(old)}, "content": str(new)} if not fused:
                replaced.append((old, new))
            case {"type": "Metaspace", "replacement": str(old)} if not fused:
                replaced.append((old, " "))
            case {"type": "ByteFallback"} if not fused:
                pass
            case {"type": "Fuse"}:
                fused = True
            case {"type": "Strip"} if fused:
                pass  # at the text's start only
            case _:
                raise VocabularyError(f"decoder step {dict(step)} is not understood: {found} ({_SUPPORTED})")

    def spell(text: str) -> bytes:
        if byte := _BYTE_TOKEN.fullmatch(text):
            return bytes([int(byte[1], 16)])
        for old, new in replaced:
            text = text.replace(old, new)
        return text.encode()

    return spell


def _spell_added(content: str, spell: Speller) -> bytes:
    """An added token's text is text already, except that SentencePiece still writes spaces as `▁`."""
    return content.encode() if spell is _spell_byte_level else spell(content)

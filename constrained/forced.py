"""From forced bytes to forced tokens: what the model's own tokenizer would write, as far as that is certain.

    consumed       {"          tokens  5018
    forced         city": "    encode('{"city": "')  =  5018 9103 794 330
                                              certain:       9103 794       (330 may become ` "A`)

A model has seen texts as its tokenizer cuts them, so forced text must be cut like that too. The cut of
a text depends on what stands around it:

* before: the text is encoded behind the tokens already there. Where the encoding does not begin with
  those very tokens (the model has cut them differently), fewer of them are tried. If not even the last
  one is kept, its text would merge with the forced text; then the model is asked.
* behind: tokenizers cut a text into words first (letters, digits, punctuation or blanks, with perhaps
  one character of another kind in front), and merge inside of words. The last word may still grow, so
  its tokens are left to the model, except where only a control or end token can follow. And because
  not every tokenizer has words, the text is encoded once more with each of a few characters behind
  it (`PROBES`): what one of them changes is left to the model too.
"""

import unicodedata
from collections.abc import Sequence

from constrained.segments import longest_tokens
from constrained.vocabulary.vocabulary import Vocabulary

CONTEXTS = (24, 12, 6, 3, 2, 1)  # tokens before the forced text that are looked at: the first that fits
PROBES = ("a", "0", '"', " ", "\n")


def cut(vocabulary: Vocabulary, before: Sequence[int], forced: bytes, *, last: bool) -> list[int]:
    """The certain tokens of `forced`, which follows the tokens `before`; `last`: no text follows it."""
    if vocabulary.encode is None:
        return longest_tokens(vocabulary, forced, last=last)
    context = _text_tokens(vocabulary, before)
    for size in CONTEXTS if context else (0,):
        tail = context[max(0, len(context) - size) :]
        text = _characters((vocabulary.spell(tail) or b"") + forced, len(forced), last=last)
        ids = _encoded(vocabulary, text) if text else None
        if ids is not None and text and ids[: len(tail)] == tail:
            return ids[len(tail) : len(ids) if last else _certain(vocabulary, text, ids)]
    return []


def _text_tokens(vocabulary: Vocabulary, before: Sequence[int]) -> list[int]:
    """The last tokens of `before`, back to one that is no text: a control token keeps texts apart."""
    found: list[int] = []
    for token in reversed(before[-CONTEXTS[0] :]):
        if vocabulary.spellings[token] is None:
            break
        found.append(token)
    return found[::-1]


def _characters(text: bytes, forced: int, *, last: bool) -> str | None:
    """`text`, without a character cut off in its `forced` bytes at the end; None where it begins inside of one."""
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        begun = error.start >= max(len(text) - 3, len(text) - forced) and not last
        return text[: error.start].decode() if begun else None


def _encoded(vocabulary: Vocabulary, text: str) -> list[int] | None:
    """The tokens of `text`; None where they spell something else."""
    assert vocabulary.encode is not None
    ids = vocabulary.encode(text)
    return ids if vocabulary.spell(ids) == text.encode() else None


def _certain(vocabulary: Vocabulary, text: str, ids: list[int]) -> int:
    """How many of `ids`, the tokens of `text`, stay whatever follows."""
    assert vocabulary.encode is not None
    before = len(text[: _last_word(text)].encode())
    count = reach = 0
    for token in ids:
        reach += len(vocabulary.spellings[token] or b"")
        if reach > before:
            break
        count += 1
    for probe in PROBES if count else ():
        longer = vocabulary.encode(text + probe)
        count = next((place for place in range(count) if longer[place : place + 1] != [ids[place]]), count)
    return count


def _last_word(text: str) -> int:
    """Where the last word begins: a run of one kind, and the run before it if blanks or `'` may join both."""
    place = _run(text, len(text))
    joins = text[place:].isspace() or text[place:] == "'"
    return _run(text, place) if joins else place


def _run(text: str, end: int) -> int:
    """The start of the run of characters of one kind that ends at `end`."""
    place = end
    while place and _kind(text[place - 1]) == _kind(text[end - 1]):
        place -= 1
    return place


def _kind(character: str) -> str:
    """L letters and marks, N digits, Z blanks, P all else."""
    if character.isspace():
        return "Z"
    category = unicodedata.category(character)[0]
    return {"L": "L", "M": "L", "N": "N"}.get(category, "P")

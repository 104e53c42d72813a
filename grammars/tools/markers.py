"""Markers as the tokenizer sees them: some are one added token, others are text.

    "<tool_call>\n"      Qwen: a token, then text      <151657> "\n"
                         Llama: text                   "<tool_call>\n"
    "<｜DSML｜invoke"     DeepSeek: text, token, text   "<" <128814> "invoke"

A marker is cut at the added tokens of the vocabulary, as the tokenizer itself does when it reads a
chat template's text. *Atoms* are the result as numbers: a byte is itself, control token t is
`CONTROL + t`. Grammar and framer both go by them.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from weakref import WeakKeyDictionary

from constrained.automata.algebra import literal, literals
from constrained.automata.regex import compile_rust
from constrained.grammar import Control, Sequence, Terminal
from constrained.vocabulary.vocabulary import Vocabulary

CONTROL = 256
Atoms = tuple[int, ...]


class Marks:
    """Cuts markers for one vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._ids = dict(vocabulary.control)
        names = sorted(map(re.escape, filter(None, self._ids)), key=len, reverse=True)
        self._names = re.compile("|".join(names)) if names else None

    def is_token(self, text: str) -> bool:
        """Is `text` one control token?"""
        return text in self._ids

    def pieces(self, text: str) -> Iterator[bytes | int]:
        """`text` as bytes and control token ids, in order."""
        end = 0
        for match in self._names.finditer(text) if self._names else ():
            if match.start() > end:
                yield text[end : match.start()].encode()
            yield self._ids[match.group()]
            end = match.end()
        if end < len(text):
            yield text[end:].encode()

    def atoms(self, text: str) -> Atoms:
        """`text` as atoms."""
        return tuple(atom for piece in self.pieces(text) for atom in _atoms_of(piece))

    def banned(self, text: str) -> tuple[bytes, ...]:
        """What no string may contain that ends with `text`: nothing, if it has a token that text cannot have."""
        atoms = self.atoms(text)
        return () if any(atom >= CONTROL for atom in atoms) else (bytes(atoms),)

    def sequence(self, text: str) -> Sequence:
        """The grammar of exactly `text`."""
        return tuple(terminal(piece) if isinstance(piece, bytes) else control(piece) for piece in self.pieces(text))


def _atoms_of(piece: bytes | int) -> Atoms:
    return tuple(piece) if isinstance(piece, bytes) else (CONTROL + piece,)


_marks: WeakKeyDictionary[Vocabulary, Marks] = WeakKeyDictionary()


def marks_of(vocabulary: Vocabulary) -> Marks:
    """The marks of a vocabulary, made once."""
    found = _marks.get(vocabulary)
    if found is None:
        found = _marks.setdefault(vocabulary, Marks(vocabulary))
    return found


# One object for one meaning, so that states and masks are shared between requests.


@lru_cache(maxsize=8192)
def terminal(text: bytes) -> Terminal:
    """Exactly `text`."""
    return Terminal(literal(text), text.decode(errors="replace"))


@lru_cache(maxsize=1024)
def maybe(text: bytes) -> Terminal:
    """`text`, or nothing."""
    return Terminal(literals([b"", text]), f"{text!r}?")


@lru_cache(maxsize=1024)
def matching(pattern: str) -> Terminal:
    """The texts of a regular expression (Rust syntax)."""
    return Terminal(compile_rust(pattern), pattern)


@lru_cache(maxsize=8192)
def control(token: int) -> Control:
    """Control token `token`."""
    return Control(frozenset({token}), f"<{token}>")

r"""From a language of texts to the language of their JSON strings.

A schema's `pattern`, `format`, `enum` and lengths speak about the *decoded* text; the model writes
its JSON encoding. The lift draws, around every row r of the decoded automaton, the little machine
that reads one escape:

              '"' '\\' 'b' 'f' 'n' 'r' 't'
    r --'\'--> E ---------------------------> step(r, that character)
               `--'u'--> '0' --> '0' --> '0'|'1' --> hex --> step(r, that control character)

and every other byte of r stays as it is. The closing quote leaves r where r accepts.

Only *canonical* escapes are drawn: a character that must be escaped has exactly one spelling (the
short one where JSON has it, else `\u00XX` in lower case), every other character stands for itself.
It is what `json.dumps(..., ensure_ascii=False)` writes, every text has exactly one encoding (so a
key cannot come twice in two spellings), and lone surrogates cannot be written at all.

The lift goes byte by byte, so it commutes with concatenation: a grammar inside a string literal is the
grammar with each of its terminals lifted (`escaped`), whatever stands around them. `quote` is the one
character that literals end with; Python's single-quoted ones are like JSON's otherwise.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from constrained.automata.algebra import renumbered
from constrained.automata.dfa import Dfa
from constrained.automata.lifting import lifted
from constrained.automata.regex import compile_rust

_LETTERS = {0x5C: b"\\", 0x08: b"b", 0x0C: b"f", 0x0A: b"n", 0x0D: b"r", 0x09: b"t"}  # beside the quote
_CONTROLS = [byte for byte in range(0x20) if byte not in _LETTERS]
_QUOTE, _BACKSLASH = 0x22, 0x5C

# The seven rows around each row of the decoded automaton: between characters, and behind these bytes.
_TEXT, _ESCAPE, _U, _U0, _U00, _U000, _U001 = range(7)
_LINKS = ((_TEXT, b"\\", _ESCAPE), (_ESCAPE, b"u", _U), (_U, b"0", _U0), (_U0, b"0", _U00), (_U00, b"0", _U000))
_BLOCKS = 7


class _Edges(NamedTuple):
    """Edges at which a character is complete: from rows of `block`, reading `written`, which stand for `meant`."""

    block: int
    written: list[int]
    meant: list[int]


class Columns(NamedTuple):
    """Joint byte classes of a decoded automaton and of the escapes around it.

    Far fewer than 256, which matters: seven rows around each row of a large automaton are a large table.
    """

    classes: NDArray[np.uint8]  # (256,) byte -> column
    reads: NDArray[np.int32]  # (K,) column -> one of its bytes


@lru_cache(maxsize=4)
def _edges(quote: int) -> tuple[_Edges, ...]:
    plain = [byte for byte in range(0x20, 256) if byte not in (quote, _BACKSLASH)]
    short = {**_LETTERS, quote: bytes((quote,))}
    low, high = ([byte for byte in _CONTROLS if byte >> 4 == digit] for digit in (0, 1))
    return (
        _Edges(_TEXT, plain, plain),
        _Edges(_ESCAPE, [letter[0] for letter in short.values()], list(short)),
        *(
            _Edges(block, [ord(f"{byte & 15:x}") for byte in controls], controls)
            for block, controls in ((_U000, low), (_U001, high))
        ),
    )


def escape(text: bytes, quote: int = _QUOTE) -> bytes:
    """`text` as it stands inside a string literal."""
    return b"".join(_escape(byte, quote) for byte in text)


def _escape(byte: int, quote: int) -> bytes:
    if byte == quote or byte in _LETTERS:
        return b"\\" + _LETTERS.get(byte, bytes((byte,)))
    return b"\\u%04x" % byte if byte < 0x20 else bytes((byte,))


@lru_cache(maxsize=1)
def any_text() -> Dfa:
    """Every text that is valid UTF-8 (so no surrogates), the empty one included."""
    return compile_rust(r"(?s:.)*")


@lru_cache(maxsize=1)
def any_string() -> Dfa:
    """Every JSON string, in canonical escapes."""
    return json_string(any_text())


def json_string(decoded: Dfa) -> Dfa:
    """The JSON encodings, with their quotes, of the texts that `decoded` accepts.

    Labels carry over to the closing quote.
    """
    return renumbered(*lifted_table(decoded))


def escaped(decoded: Dfa, quote: int = _QUOTE) -> Dfa:
    """The texts of `decoded` as they stand inside a string literal, without its quotes; labels carry over."""
    return renumbered(*_lifted(decoded, np.zeros(0, np.int32), quote, 0))


def lifted_table(decoded: Dfa) -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.int32]]:
    """The table behind `json_string`: classes (256,), step (S', K), labels (S',).

    Row 2 + r of the result is row r of `decoded`, inside the string and between two characters or
    inside a UTF-8 sequence; the rows of escapes and ends lie behind those (lifting.py).
    Trim and minimal, as `decoded` is, but for row 2, which is dead.
    """
    return _lifted(decoded, np.array(decoded.labels_used, np.int32), _QUOTE, 2)


def _lifted(
    decoded: Dfa, ends: NDArray[np.int32], quote: int, before: int
) -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.int32]]:
    return lifted(decoded.classes, decoded.step, decoded.labels, ends, quote, before, *_escapes(quote))


@lru_cache(maxsize=4)
def _escapes(quote: int) -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """What `lifted` wants to know: bytes that are told apart, and the edges of short, low and high escapes."""
    _, *escapes = _edges(quote)
    short, low, high = (np.array([edges.written, edges.meant], np.int32) for edges in escapes)
    return np.minimum(_marks(quote), 2).astype(np.uint8), short, low, high


def escape_columns(classes: NDArray[np.uint8], quote: int = _QUOTE) -> Columns:
    """The byte classes of a decoded automaton, told apart by what the bytes are to escapes."""
    keys = classes.astype(np.int32) * 256 + _marks(quote)
    _, reads, joint = np.unique(keys, return_index=True, return_inverse=True)
    return Columns(joint.astype(np.uint8), reads.astype(np.int32))


@lru_cache(maxsize=4)
def _marks(quote: int) -> NDArray[np.int32]:
    """(256,) what a byte is to escapes: every byte that occurs in one is itself, others are written or not."""
    marks = np.where(np.arange(256) < 0x20, 0, 1)
    used = {quote, *(read[0] for _, read, _ in _LINKS)}
    used.update(byte for edges in _edges(quote) if edges.block != _TEXT for byte in edges.written)
    marks[sorted(used)] = sorted(used)  # all of them are greater than 1
    return marks.astype(np.int32)


def escaped_steps(decoded: Dfa, columns: Columns, quote: int = _QUOTE) -> NDArray[np.int32]:
    """The table behind `escaped`: (7S, K) of (S, C). Its first S rows are those of `decoded`."""
    rows = decoded.rows
    step = escaped_cells(decoded.step, decoded.classes, columns, quote)
    live = np.arange(1, rows, dtype=np.int32)
    for block, read, target in (*_LINKS, (_U00, b"1", _U001)):
        step[block * rows + 1 : (block + 1) * rows, columns.classes[read[0]]] = live + target * rows
    return step


def escaped_cells(
    cells: NDArray[np.int32], classes: NDArray[np.uint8], columns: Columns, quote: int = _QUOTE
) -> NDArray[np.int32]:
    """Something about the edges of an automaton, moved to where their characters are complete.

    cells (S, C) and classes (256,) as in a `Dfa`; the result is (7S, K).
    """
    rows = len(cells)
    found = np.zeros((_BLOCKS * rows, len(columns.reads)), np.int32)
    for block, written, meant in _edges(quote):
        means = dict(zip(written, meant, strict=True))
        here = [column for column, byte in enumerate(columns.reads.tolist()) if byte in means]
        there = classes[[means[int(columns.reads[column])] for column in here]]
        found[block * rows : (block + 1) * rows][:, here] = cells[:, there]
    return found

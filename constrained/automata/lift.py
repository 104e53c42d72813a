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
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from constrained.automata.algebra import from_table
from constrained.automata.dfa import DEAD, REFUSES, START, Dfa
from constrained.automata.regex import compile_rust

SHORT = {0x22: b'"', 0x5C: b"\\", 0x08: b"b", 0x0C: b"f", 0x0A: b"n", 0x0D: b"r", 0x09: b"t"}
_CONTROLS = [byte for byte in range(0x20) if byte not in SHORT]
_QUOTE, _BACKSLASH = 0x22, 0x5C


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

    Labels carry over to the closing quote. Seven rows of the result per row of `decoded`, before
    minimisation.
    """
    step, labels = lifted_table(decoded)
    return from_table(step, labels)


def lifted_table(decoded: Dfa) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The table behind `json_string`, neither trim nor minimal: step (S', 256), labels (S',).

    Row 2 + r of the result is row r of `decoded`, inside the string and between two characters or
    inside a UTF-8 sequence; the rows of escapes and ends lie behind those.
    """
    rows, inner = decoded.rows, decoded.by_byte
    body, escape, hex_u, hex_0, hex_00, hex_000, hex_001 = (2 + rows * k for k in range(7))
    ends = {label: 2 + rows * 7 + k for k, label in enumerate(sorted({*decoded.labels.tolist()} - {REFUSES}))}
    step = np.zeros((2 + rows * 7 + len(ends), 256), np.int32)
    step[START, _QUOTE] = body + START

    live = np.arange(rows) != DEAD

    def enter(targets: NDArray[np.int32], base: int) -> NDArray[np.int32]:
        return np.where(targets == DEAD, np.int32(DEAD), targets + np.int32(base))

    plain = [byte for byte in range(0x20, 256) if byte not in (_QUOTE, _BACKSLASH)]
    step[body : body + rows][:, plain] = enter(inner[:, plain], body)
    step[body : body + rows, _BACKSLASH] = np.where(live, np.arange(rows) + escape, DEAD)
    for label, row in ends.items():
        step[body : body + rows, _QUOTE][decoded.labels == label] = row
    for byte, letter in SHORT.items():
        step[escape : escape + rows, letter[0]] = enter(inner[:, byte], body)
    index = np.arange(rows, dtype=np.int32)
    step[escape : escape + rows, ord("u")] = hex_u + index
    step[hex_u : hex_u + rows, ord("0")] = hex_0 + index
    step[hex_0 : hex_0 + rows, ord("0")] = hex_00 + index
    step[hex_00 : hex_00 + rows, ord("0")] = hex_000 + index
    step[hex_00 : hex_00 + rows, ord("1")] = hex_001 + index
    for byte in _CONTROLS:
        base = hex_000 if byte < 0x10 else hex_001
        step[base : base + rows, ord(f"{byte % 16:x}")] = enter(inner[:, byte], body)

    labels = np.full(len(step), REFUSES, np.int32)
    for label, row in ends.items():
        labels[row] = label
    return step, labels

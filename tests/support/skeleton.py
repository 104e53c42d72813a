"""A grammar as text, to compare grammars across processes: symbols by number, in the order in which they are met.

0 node [1 2] [1 3 4]        two sequences
1 terminal 5bd1f0c2         the CRC of its table
2 switch 90ab11de 0:[5]     a table, and what follows each label
"""

import zlib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from constrained.automata.dfa import Dfa
from constrained.grammar import Captured, Fresh, Node, Seen, Sequence, Switch, Symbol, Terminal


def skeleton(start: Symbol, most: int) -> list[str]:
    """The first `most` symbols of a grammar, breadth first."""
    numbers: dict[object, int] = {start: 0}
    symbols: list[Symbol] = [start]

    def of(sequence: Sequence) -> str:
        for symbol in sequence:
            if symbol not in numbers:
                numbers[symbol] = len(symbols)
                symbols.append(symbol)
        return f"[{' '.join(str(numbers[symbol]) for symbol in sequence)}]"

    lines: list[str] = []
    for number, symbol in enumerate(symbols):
        if number == most:
            break
        match symbol:
            case Terminal(automaton):
                line = f"terminal {_crc(automaton):08x}"
            case Switch(automaton, targets):
                follows = [f"{label}:{of(targets[label])}" for label in automaton.labels_used]
                line = f"switch {_crc(automaton):08x} {' '.join(follows)}"
            case Node():
                line = f"node {' '.join(map(of, symbol.expand()))}"
            case Fresh(body, refused, then):
                line = f"fresh {of((body,))} {of(then)} {sorted(refused)}"
            case Captured():
                line = f"captured {of(symbol.body)} {of(symbol.sketch())} {sorted(symbol.refused())}"
            case Seen(texts):
                line = f"seen {sorted(texts)}"
            case _:
                line = type(symbol).__name__
        lines.append(f"{number} {line}")
    return lines


def _crc(automaton: object) -> int:
    crc = 0
    for part in _parts(automaton):
        crc = zlib.crc32(part, crc)
    return crc


def _parts(value: Any) -> Iterator[bytes]:
    """What an automaton is made of, in bytes."""
    if isinstance(value, np.ndarray):
        yield value.tobytes()
    elif isinstance(value, frozenset | set):
        yield repr(sorted(value)).encode()
    elif isinstance(value, Dfa):
        yield from (value.classes.tobytes(), value.step.tobytes(), value.labels.tobytes())
    elif is_dataclass(value):
        for field in fields(value):
            if not field.name.startswith("_"):  # those are found out on the way
                yield from _parts(getattr(value, field.name))
    elif hasattr(value, "texts"):
        yield repr(value.texts).encode()
    else:
        yield repr(value).encode()

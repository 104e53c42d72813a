"""Random texts of a grammar: tokens drawn from the masks for a while, then the shortest way to finish."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from constrained import Vocabulary
from grammars.tools.compile import ToolGrammar
from grammars.tools.events import (
    ArgumentsDelta,
    CallFinished,
    CallStarted,
    Event,
    InputDelta,
    ReasoningDelta,
    TextDelta,
)
from grammars.tools.formats import ToolFormat
from grammars.tools.markers import marks_of
from grammars.tools.rendering import WrittenCall, render_calls

Bits = NDArray[np.uint32]  # (W,) bit t % 32 of word t // 32 is token t


@dataclass
class Call:
    """A call as the events tell it."""

    id: str
    name: str
    arguments: str = ""
    finished: bool = False
    input: str = ""
    kind: str = "function"


@dataclass
class Told:
    """What the events of a turn add up to."""

    text: str = ""
    reasoning: str = ""
    calls: list[Call] = field(default_factory=list)
    reason: str = ""


def told(events: list[Event]) -> Told:
    """Add events up."""
    found = Told()
    for event in events:
        match event:
            case TextDelta(text):
                found.text += text
            case ReasoningDelta(text):
                found.reasoning += text
            case CallStarted(index, call_id, name, kind):
                assert index == len(found.calls)
                found.calls.append(Call(call_id, name, kind=kind))
            case ArgumentsDelta(index, text):
                assert index == len(found.calls) - 1
                found.calls[index].arguments += text
            case InputDelta(index, text):
                assert index == len(found.calls) - 1
                found.calls[index].input += text
            case CallFinished(index):
                found.calls[index].finished = True
            case _:
                found.reason = event.reason
    return found


def random_turn(grammar: ToolGrammar, seed: int, steps: int) -> list[int]:
    """The tokens of a random text, its end token left out: `steps` drawn ones, then the shortest way out."""
    draw = random.Random(seed)
    matcher = grammar.matcher()
    ends = set(grammar.vocabulary.eos_token_ids)
    for _ in range(steps):
        token = _drawn(matcher.bitmask(), grammar.vocabulary, draw)
        if token not in ends:
            matcher.advance(token)
        elif draw.random() < 0.3:
            return matcher.tokens
    for token in matcher.shortest_tokens():
        matcher.advance(token)
    assert matcher.is_finished
    return matcher.tokens[:-1]


def _drawn(mask: Bits, vocabulary: Vocabulary, draw: random.Random) -> int:
    """An allowed token; where much is allowed, now and then one that is not plain text: a marker, a quote."""
    control, marks = _special(vocabulary)
    for bits, chance in ((mask & control, 0.3), (mask & marks, 0.4), (mask, 1.0)):
        if bits.any() and draw.random() < chance:
            return drawn(bits, draw)
    raise AssertionError("a dead end")


def drawn(bits: Bits, draw: random.Random) -> int:
    """One of the tokens of a mask."""
    allowed = np.flatnonzero(np.unpackbits(bits.view(np.uint8), bitorder="little"))
    return int(allowed[draw.randrange(len(allowed))])


def special_tokens(vocabulary: Vocabulary) -> Bits:
    """The mask of all tokens that spell nothing."""
    return _special(vocabulary)[0]


@cache
def _special(vocabulary: Vocabulary) -> tuple[Bits, Bits]:
    """Control tokens, and tokens that begin with a mark."""
    marks = tuple(bytes((byte,)) for byte in b"\"'<}])\n{[\\,")
    control = [spelling is None for spelling in vocabulary.spellings]
    marked = [spelling is not None and spelling.startswith(marks) for spelling in vocabulary.spellings]
    return _packed(control), _packed(marked)


def _packed(flags: list[bool]) -> Bits:
    """(W,) uint32"""
    bits = np.packbits(np.array(flags), bitorder="little")
    return np.pad(bits, (0, -len(bits) % 4)).view(np.uint32)


def spelled(tokens: list[int], vocabulary: Vocabulary) -> str:
    """Tokens as text, control tokens by their names."""
    names = {token: name for name, token in vocabulary.control.items()}
    pieces = [vocabulary.spellings[token] or names[token].encode() for token in tokens]
    return b"".join(pieces).decode()


def whole_turn(family: ToolFormat, text: str, calls: Sequence[WrittenCall]) -> str:
    """A turn of text and calls, as the family writes it (no reasoning; whatever the prompt opens is open)."""
    opens, closes = family.answer
    if family.answer_first:
        return text + closes + (render_calls(family, calls) if calls else "") + family.ending
    if family.messages is not None and text:
        header = family.messages.preamble if calls else family.messages.answer
        ended = family.messages.end + family.messages.next if calls else family.messages.last
        return header + text + ended + (render_calls(family, calls) if calls else "")
    if not calls:
        return opens + text + closes
    return ("" if opens else text) + render_calls(family, calls)


def frame(grammar: ToolGrammar, tokens: list[int]) -> Told:
    """What the framer makes of some tokens."""
    framer = grammar.framer()
    return told([event for token in tokens for event in framer.feed_token(token)] + framer.finish())


def tokens_of(text: str, vocabulary: Vocabulary) -> list[int]:
    """`text` as control tokens and single bytes: every way to cut it into tokens is a way to read it."""
    single = _single_bytes(vocabulary)
    tokens: list[int] = []
    for piece in marks_of(vocabulary).pieces(text):
        tokens += [piece] if isinstance(piece, int) else [single[byte] for byte in piece]
    return tokens


@cache
def _single_bytes(vocabulary: Vocabulary) -> dict[int, int]:
    return {text[0]: token for token, text in enumerate(vocabulary.spellings) if text and len(text) == 1}

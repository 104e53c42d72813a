"""Random texts of a grammar: tokens drawn from the masks for a while, then the shortest way to finish."""

import random
from dataclasses import dataclass

import numpy as np

from constrained import Vocabulary
from grammars.tools.compile import ToolGrammar
from grammars.tools.events import ArgumentsDelta, CallFinished, CallStarted, Event, ReasoningDelta, TextDelta
from grammars.tools.markers import marks_of


@dataclass
class Call:
    """A call as the events tell it."""

    id: str
    name: str
    arguments: str = ""
    finished: bool = False


@dataclass
class Told:
    """What the events of a turn add up to."""

    text: str = ""
    reasoning: str = ""
    calls: "list[Call]" = None  # type: ignore[assignment]
    reason: str = ""


def told(events: list[Event]) -> Told:
    """Add events up."""
    found = Told(calls=[])
    for event in events:
        match event:
            case TextDelta(text):
                found.text += text
            case ReasoningDelta(text):
                found.reasoning += text
            case CallStarted(index, call_id, name):
                assert index == len(found.calls)
                found.calls.append(Call(call_id, name))
            case ArgumentsDelta(index, text):
                assert index == len(found.calls) - 1
                found.calls[index].arguments += text
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
        mask = matcher.bitmask()
        allowed = np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little"))
        assert len(allowed), "a dead end"
        token = int(draw.choice(_interesting(allowed, grammar.vocabulary, draw)))
        if token in ends:
            if matcher.is_accepting and token not in _controls(grammar, allowed):
                return matcher.tokens
            continue
        matcher.advance(token)
    for token in matcher.shortest_tokens():
        if token not in ends:
            matcher.advance(token)
    assert matcher.is_accepting
    return matcher.tokens


def _controls(grammar: ToolGrammar, allowed: np.ndarray) -> set[int]:
    return set()


def _interesting(allowed: np.ndarray, vocabulary: Vocabulary, draw: random.Random) -> list[int]:
    """Where much is allowed, prefer what is not plain text now and then: markers, quotes, ends."""
    if len(allowed) < 200 or draw.random() < 0.6:
        return allowed.tolist()
    control = [token for token in allowed.tolist() if vocabulary.spellings[token] is None]
    if control and draw.random() < 0.7:
        return control
    marks = (b'"', b"'", b"<", b"}", b"]", b")", b"\n", b"{", b"[", b"\\", b",")
    found = [token for token in allowed.tolist() if (vocabulary.spellings[token] or b"").startswith(marks)]
    return found or allowed.tolist()


def spelled(tokens: list[int], vocabulary: Vocabulary) -> str:
    """Tokens as text, control tokens by their names."""
    names = {token: name for name, token in vocabulary.control.items()}
    pieces = [vocabulary.spellings[token] or names[token].encode() for token in tokens]
    return b"".join(pieces).decode()


def frame(grammar: ToolGrammar, tokens: list[int]) -> Told:
    """What the framer makes of some tokens."""
    framer = grammar.framer()
    return told([event for token in tokens for event in framer.feed_token(token)] + framer.finish())


def tokens_of(text: str, vocabulary: Vocabulary) -> list[int]:
    """`text` as control tokens and single bytes: every way to cut it into tokens is a way to read it."""
    single = {spelling[0]: token for token, spelling in enumerate(vocabulary.spellings) if spelling and len(spelling) == 1}
    tokens: list[int] = []
    for piece in marks_of(vocabulary).pieces(text):
        tokens += [piece] if isinstance(piece, int) else [single[byte] for byte in piece]
    return tokens

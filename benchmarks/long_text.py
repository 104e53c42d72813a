"""Does a long text through a recursive grammar cost more and more?

Claim: the tenth hundred kilobytes cost what the first did. States come back as long as nesting does not get deeper;
where there are too many of them (a Python expression ten brackets deep has been begun in more ways than a text
has bytes), the grammar forgets them at `memo_bytes`, 256 MB by its own count. So neither their number nor memory grows
with the text.

A megabyte for each of three grammars (JSON values one after the other and Python statements, cut by the greedy lexer;
an ambiguous grammar of expressions, any cut) over Llama 3.1's vocabulary: random tokens out of the masks, half
of them punctuation, so that texts have structure; whenever the parser's stack is high (or, where there is none, many
brackets are open), no tokens that open any, and often closing ones. Times are processor time of mask and advance.
"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.harness import Row, Size, row
from benchmarks.memory import resident
from constrained import CompiledGrammar, Matcher, Vocabulary, warm_up
from constrained.grammar import Switch
from grammars import compile_lark
from grammars.lark.machine import Outcomes
from tests.support.tokenizers import tokenizer_path

FOLDER = Path(__file__).parent.parent / "tests" / "conformance" / "lark"
DEEP, SHALLOW = 10, 3  # open brackets: they are closed from the one down to the other
STACKED = 5  # states of a parser for each, roughly
OPENING, CLOSING = b"[{(", b"]})"
PUNCTUATION = frozenset("[]{}(),:;\"'+-*/<>=.!?\n")


def grammars() -> dict[str, str]:
    """Name -> its text; each goes on for ever."""
    read = {name: (FOLDER / f"{name}.lark").read_text() for name in ("json", "python_expressions", "ambiguous")}
    read["json"] = read["json"].replace("?start: value", "start: value+")
    read["ambiguous"] = read["ambiguous"].replace("start: expr", 'start: (expr ";")+')
    return read


@dataclass(frozen=True)
class Block:
    """A piece of a text: its tokens, microseconds for each, and what the grammar holds after it."""

    text: bytes
    times: list[float]
    states: int
    megabytes: float
    held: int  # bytes of states and masks, as the grammar counts them


def nesting(matcher: Matcher, opened: int) -> int:
    """How many brackets are open, roughly; `opened`: that were written, and not closed."""
    symbol = matcher.state.configs[0][0] if matcher.state.configs else None
    if isinstance(symbol, Switch) and isinstance(symbol.targets, Outcomes):
        return len(symbol.targets.place.stack) // STACKED
    return opened  # none of them in strings, where there is no parser


def blocks(grammar: CompiledGrammar, chance: random.Random, count: int, size: int) -> Iterator[Block]:
    """`count` pieces of at least `size` bytes of one random text; the last one ends it, the shortest way."""
    matcher, tastes = grammar.matcher(), Tastes(grammar.vocabulary)
    opened, closing = 0, False
    for number in range(count):
        text, times = bytearray(), list[float]()
        while len(text) < size:
            began = time.thread_time_ns()
            words = matcher.bitmask()
            masked = time.thread_time_ns()
            closing = nesting(matcher, opened) > (SHALLOW if closing else DEEP)
            token = tastes.choose(words, closing, chance)
            ready = time.thread_time_ns()
            matcher.advance(token)
            times.append((time.thread_time_ns() - ready + masked - began) / 1000)
            spelled = grammar.vocabulary.spellings[token] or b""
            opened += _opened(spelled)
            text += spelled
        if number == count - 1:
            text += matcher.shortest_completion()
        yield Block(bytes(text), times, len(grammar.states), resident(), grammar.memo_size)


class Tastes:
    """Which tokens are liked, and when: (32 * W,) each."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        spellings = [spelling or b"" for spelling in vocabulary.spellings]
        spellings += [b""] * (32 * vocabulary.words - len(spellings))
        self._spelled = np.array([bool(spelling) for spelling in spellings])
        self._common = np.array([bool(spelling) and _is_punctuation(spelling) for spelling in spellings])
        self._level = np.array(
            [bool(spelling) and not any(byte in OPENING for byte in spelling) for spelling in spellings]
        )
        self._closes = np.array([_opened(spelling) < 0 for spelling in spellings])

    def choose(self, words: np.ndarray, closing: bool, chance: random.Random) -> int:
        """One of the allowed tokens, (W,) packed."""
        allowed = np.unpackbits(words.view(np.uint8), bitorder="little").astype(np.bool_)
        wishes = [self._spelled]
        if closing:
            closes, common = self._closes & self._level, self._common & self._level
            wishes = [closes, common] if chance.random() < 0.5 else [common, closes]  # a string must be left first
            wishes += [self._level, self._spelled]
        elif chance.random() < 0.5:
            wishes = [self._common, self._spelled]
        found = next(liked for wish in wishes if len(liked := np.flatnonzero(allowed & wish)))
        return int(chance.choice(found))


def _opened(spelling: bytes) -> int:
    return sum((byte in OPENING) - (byte in CLOSING) for byte in spelling)


def _is_punctuation(spelling: bytes) -> bool:
    return len(spelling) <= 2 and PUNCTUATION.issuperset(spelling.decode(errors="replace"))


def rows(size: Size) -> Iterator[Row]:
    """Every tenth of a megabyte; small: two kilobytes of JSON."""
    vocabulary = Vocabulary.from_tokenizer_file(tokenizer_path("llama3_1"))
    warm_up()
    for name, text in list(grammars().items())[: size.of(small=1, full=None)]:
        grammar = compile_lark(text, vocabulary)
        count, length = size.of(small=(2, 1_000), full=(10, 100_000))
        for number, block in enumerate(blocks(grammar, random.Random(1), count, length), start=1):
            note = f"{len(block.times)} tokens, then {block.states} states, {block.megabytes:.0f} MB"
            facts = {"tokens": len(block.times), "states": block.states, "megabytes": round(block.megabytes, 1)}
            facts["held"] = round(block.held / 1e6, 1)
            mean = round(sum(block.times) / len(block.times), 2)
            yield row(f"{name}, piece {number}: a token", block.times, note=note, **facts, mean_us=mean)

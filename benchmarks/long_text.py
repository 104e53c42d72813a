"""Does a long text through a recursive grammar cost more and more?

Claim: the hundredth hundred kilobytes cost what the first did. States come back as long as nesting does not get
deeper, and what is kept of masks is bounded, so neither their number nor memory grows with the text.

A megabyte for each of three grammars (JSON values one after the other and Python statements, cut by the greedy lexer;
an ambiguous grammar of expressions, any cut) over Llama 3.1's vocabulary: random tokens out of the masks, half
of them punctuation, so that texts have structure, with brackets closed whenever much is open. Times are processor
time of mask and advance.
"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.harness import Row, Size, row
from benchmarks.memory import resident
from constrained import CompiledGrammar, Vocabulary, warm_up
from constrained.segments import fewest_tokens
from grammars import compile_lark
from tests.support.tokenizers import tokenizer_path

FOLDER = Path(__file__).parent.parent / "tests" / "conformance" / "lark"
DEEP, SHALLOW = 10, 3  # bytes that must still be written: brackets are closed from the one down to the other
LOOK = 4  # tokens between looks at how deep it is
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


def blocks(grammar: CompiledGrammar, chance: random.Random, count: int, size: int) -> Iterator[Block]:
    """`count` pieces of at least `size` bytes of one random text; the last one ends it, the shortest way."""
    matcher, spellings = grammar.matcher(), grammar.vocabulary.spellings
    common = [token for token, spelling in enumerate(spellings) if spelling and _is_punctuation(spelling)]
    punctuation, spelled = np.zeros((2, 32 * grammar.vocabulary.words), np.bool_)
    punctuation[common] = True
    spelled[: len(spellings)] = [bool(spelling) for spelling in spellings]
    closing, tokens = False, 0
    for number in range(count):
        text, times = bytearray(), list[float]()
        while len(text) < size:
            began = time.thread_time_ns()
            words = matcher.bitmask()
            masked = time.thread_time_ns()
            if tokens % LOOK == 0:
                closing = len(matcher.shortest_completion()) > (SHALLOW if closing else DEEP)
            if closing and (missing := matcher.shortest_completion()):
                token = fewest_tokens(grammar.vocabulary, missing)[0]
            else:
                token = _chosen(words, punctuation, spelled, chance)
            ready = time.thread_time_ns()
            matcher.advance(token)
            times.append((time.thread_time_ns() - ready + masked - began) / 1000)
            text += spellings[token] or b""
            tokens += 1
        if number == count - 1:
            text += matcher.shortest_completion()
        yield Block(bytes(text), times, len(grammar.states), resident())


def _is_punctuation(spelling: bytes) -> bool:
    return len(spelling) <= 2 and PUNCTUATION.issuperset(spelling.decode(errors="replace"))


def _chosen(words: np.ndarray, punctuation: np.ndarray, spelled: np.ndarray, chance: random.Random) -> int:
    allowed = np.unpackbits(words.view(np.uint8), bitorder="little").astype(np.bool_)
    structural = np.flatnonzero(allowed & punctuation)
    if len(structural) and chance.random() < 0.5:
        return int(chance.choice(structural))
    return int(chance.choice(np.flatnonzero(allowed & spelled)))


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
            mean = round(sum(block.times) / len(block.times), 2)
            yield row(f"{name}, piece {number}: a token", block.times, note=note, **facts, mean_us=mean)

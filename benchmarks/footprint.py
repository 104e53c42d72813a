"""How much memory do a vocabulary and a compiled grammar take?

Claim: a vocabulary takes a bounded number of bytes a token; a compiled grammar takes some hundred kilobytes when it is
made, and grows with the places of it that were visited, up to the bounds of its caches.

Memory is what Python, numpy and numba hold (resident memory of a process of its own, after a collection), measured
before and after many of a kind were made and kept.
"""

import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from random import Random

from benchmarks.harness import Row, Size
from benchmarks.memory import resident, schema
from benchmarks.walking import follow
from constrained import CompiledGrammar, Vocabulary, warm_up
from grammars import compile_json_schema
from tests.support.tokenizers import tokenizer_path

TOKENIZERS = {"Llama 3.1": "llama3_1", "GPT-OSS": "gptoss", "Gemma 3": "gemma3"}


def held() -> float:
    """Megabytes that are in use now."""
    gc.collect()
    return resident()


def of_vocabulary(key: str) -> tuple[float, float, int]:
    """(MB when read, MB with the shared pieces of masks made, tokens)."""
    path = tokenizer_path(key)
    warm_up()
    Vocabulary.from_tokenizer_file(path)  # fills the cache, and whatever is loaded once
    before = held()
    vocabulary = Vocabulary.from_tokenizer_file(path)
    read = held()
    warm_up(vocabulary)
    return read - before, held() - before, vocabulary.size


def of_grammars(count: int) -> tuple[float, float]:
    """(MB of a grammar when compiled, MB after a text was followed), the mean of `count` that are kept."""
    vocabulary = Vocabulary.from_tokenizer_file(tokenizer_path("llama3_1"))
    warm_up(vocabulary)
    assert vocabulary.encode is not None
    random = Random(5)

    def made(numbers: range) -> list[CompiledGrammar]:
        grammars = [compile_json_schema(schema(number, random), vocabulary) for number in numbers]
        for grammar in grammars:
            grammar.matcher().bitmask()
        return grammars

    def followed(grammars: list[CompiledGrammar]) -> None:
        for grammar in grammars:
            follow(grammar, list(grammar.matcher().shortest_tokens()))

    earlier = made(range(count))
    followed(earlier)
    before = held()
    kept = made(range(count, 2 * count))
    compiled = held()
    followed(kept)
    return (compiled - before) / count, (held() - before) / count


def rows(size: Size) -> Iterator[Row]:
    """Each in a process of its own; small: one grammar, in this one."""
    if size is Size.SMALL:
        yield from _grammar_rows(1, *of_grammars(1))
        return
    for name, key in TOKENIZERS.items():
        read, warm, tokens = _apart("vocabulary", key)
        yield _row(f"vocabulary of {name}", read, f"{1e6 * read / tokens:.0f} bytes a token", tokens=tokens)
        yield _row(f"vocabulary of {name}, warmed up", warm, "", tokens=tokens)
    yield from _grammar_rows(300, *_apart("grammars", "300"))


def _grammar_rows(count: int, compiled: float, followed: float) -> Iterator[Row]:
    yield _row("a compiled grammar with its first mask", compiled, f"mean of {count} tools", grammars=count)
    yield _row("a compiled grammar after one text", followed, f"mean of {count} tools", grammars=count)


def _row(what: str, megabytes: float, note: str, **facts: float) -> Row:
    """A row without times."""
    return Row(what, 1, 0.0, 0.0, 0.0, f"{megabytes:.3f} MB. {note}", {"megabytes": round(megabytes, 4), **facts})


def _apart(*arguments: str) -> list[float]:
    command = [sys.executable, "-m", "benchmarks.footprint", *arguments]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":  # a process of its own
    kind, argument = sys.argv[1:]
    print(json.dumps(of_vocabulary(argument) if kind == "vocabulary" else of_grammars(int(argument))))

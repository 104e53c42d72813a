"""What do eight sequences with a grammar cost beside eight without, and what is saved by not asking the model?

Claims: at equal tokens, in places met before, a batch of constrained sequences is at most 3% slower than a free
one; the masks of 32 rows that were met before take under a millisecond; in a batch, too, forced tokens are worth
not asking for; a conversation's next turn reads only what is new.
"""

import json
import statistics
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks import models
from benchmarks.harness import Row, Size, measure, row
from benchmarks.model_folder import model_folder
from constrained import CompiledGrammar, Vocabulary
from constrained.runtime import BatchEngine, SequenceRequest, TokenEvent, chat_ids, load_model, vocabulary_of
from constrained.runtime.constraint import Guide, guide_of
from constrained.runtime.costs import Costs
from constrained.runtime.selection import pack
from constrained.runtime.workers import Workers
from grammars import compile_json_schema
from tests.soak.schemas import TOOLS
from tests.support.tokenizers import tokenizer_path

ROWS = 8


def long_answers(vocabulary: Vocabulary) -> list[CompiledGrammar]:
    """Eight grammars that nothing ends within the steps measured: texts, numbers, choices."""
    kinds: list[dict[str, Any]] = [
        {"type": "array", "items": {"type": "string"}, "minItems": 200},
        {"type": "array", "items": {"type": "integer"}, "minItems": 200},
        {"type": "array", "items": {"enum": ["red", "green", "blue", "greenish"]}, "minItems": 200},
        {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}, "minItems": 200},
    ]
    schemas = [
        {"type": "object", "properties": {f"value{n}": kinds[n % 4]}, "required": [f"value{n}"]} for n in range(ROWS)
    ]
    return [compile_json_schema(schema, vocabulary) for schema in schemas]


class Loaded:
    """The packaged model (small: random weights), and engines on it."""

    def __init__(self, size: Size) -> None:
        self.model, self.tokenizer = load_model(str(model_folder(size)))
        self.vocabulary = vocabulary_of(self.model, self.tokenizer)

    def engine(self, **settings: Any) -> BatchEngine:
        asked: dict[str, Any] = {"max_batch": ROWS, **settings}
        return BatchEngine(self.model, self.tokenizer, **asked)

    def prompt(self, text: str) -> list[int]:
        return chat_ids(self.tokenizer, [{"role": "user", "content": text}])


def overhead(loaded: Loaded, steps: int) -> Iterator[Row]:
    """The packaged model, eight rows."""
    prompts = [loaded.prompt(f"Tell me a very long story about {n + 2} travellers, as JSON.") for n in range(ROWS)]
    yield from compared("packaged model", [loaded.engine() for _ in range(2)], prompts, loaded.vocabulary, steps)


def random_weights(tokenizer: str, steps: int) -> Iterator[Row]:
    """A model that is nearly nothing but its logits."""
    subject = models.random_weights(tokenizer)
    engines = [BatchEngine(subject.model, subject.tokenizer) for _ in range(2)]
    yield from compared(subject.name, engines, [[5, 6, n] for n in range(ROWS)], subject.vocabulary, steps)


def compared(
    what: str, engines: list[BatchEngine], prompts: list[list[int]], vocabulary: Vocabulary, steps: int
) -> Iterator[Row]:
    """Two batches that take turns, step by step: one constrained, one free. They ran before: masks have been met."""
    grammars = long_answers(vocabulary)
    turns(engines, prompts, grammars, steps)
    times = turns(engines, prompts, grammars, steps)
    ratios = [constrained / free for constrained, free in zip(*times, strict=True)]
    yield row(f"{what}: {ROWS} free rows, a step", times[1])
    ratio = statistics.median(ratios)
    note = f"{ratio:.3f} times the free step taken next to it (median)"
    yield row(f"{what}: {ROWS} constrained rows, a step", times[0], note=note, ratio=round(ratio, 4))
    for engine in engines:
        engine.close()


def turns(
    engines: list[BatchEngine], prompts: list[list[int]], grammars: list[CompiledGrammar], steps: int
) -> tuple[list[float], list[float]]:
    """Microseconds of each step of the constrained batch and of the free one."""
    uids: list[tuple[BatchEngine, int]] = []
    for prompt, grammar in zip(prompts, grammars, strict=True):
        for engine, constraint in zip(engines, (grammar.matcher(), None), strict=True):
            asked = SequenceRequest(prompt=prompt, constraint=constraint, max_tokens=4000, fast_forward=False)
            uids.append((engine, engine.add(asked)))
    for engine in engines:
        while len([event for event in engine.step() if isinstance(event, TokenEvent)]) < ROWS:
            pass  # the prompts
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(steps):
        for engine, spent in zip(engines, times, strict=True):
            before = time.perf_counter()
            said = engine.step()
            spent.append((time.perf_counter() - before) * 1e6)
            assert len(said) == ROWS, "a sequence ended"
    for engine, uid in uids:
        engine.cancel(uid)
    for engine in engines:
        while not engine.idle:
            engine.step()
    return times


def masks(runs: int) -> Iterator[Row]:
    """What the host does for the masks of one step, at 128,256 tokens."""
    vocabulary = Vocabulary.from_tokenizer_file(tokenizer_path("llama3_1"))
    matchers = [compile_json_schema(schema, vocabulary).matcher() for schema in TOOLS.values()]
    rows = {uid: partial(guide_of, matchers[uid % len(matchers)].fork()) for uid in range(32)}
    guides = Workers[Guide](limit=20.0)

    def ask() -> None:
        guides.ask(rows)
        answers = guides.collect(rows)
        while len(answers) < len(rows):  # the first time, masks may be late
            answers |= guides.collect(rows)
        pack([guide.mask for uid in rows if isinstance(guide := answers[uid], Guide)], vocabulary.size)

    ask()
    yield measure("masks of 32 rows, met before", ask, runs=runs)
    guides.close()


class Fixed(Costs):
    """Costs that are not measured but given."""

    def __init__(self, base: float) -> None:
        super().__init__()
        self.fixed = base

    def passed(self, rows: int, seconds: float) -> None:
        self.base = self.fixed


WAYS: dict[str, tuple[bool, Costs | None]] = {
    "asked for": (False, None),
    "not asked for, read one by one": (True, Fixed(0.0)),
    "not asked for, always read at once": (True, Fixed(1e6)),
    "not asked for, read as it pays": (True, None),
}


def calls(loaded: Loaded, count: int, *, fast_forward: bool, costs: Costs | None) -> tuple[float, str]:
    """All tools called, eight at a time: microseconds of processor time, and how that came about."""
    engine = loaded.engine()
    if costs is not None:
        engine._schedule.costs = costs  # pyright: ignore[reportPrivateUsage]  # they are found out, never set
    for name, schema in list(TOOLS.items())[:count]:
        grammar = compile_json_schema(schema, loaded.vocabulary)
        prompt = loaded.prompt(f"Arguments for {name}, please.")
        engine.add(
            SequenceRequest(prompt=prompt, constraint=grammar.matcher(), max_tokens=80, fast_forward=fast_forward)
        )
    steps = tokens = 0
    before = time.process_time()
    while not engine.idle:
        said = sum(isinstance(event, TokenEvent) for event in engine.step())
        tokens, steps = tokens + said, steps + (said > 0)
    spent = time.process_time() - before
    base = engine._schedule.costs.base  # pyright: ignore[reportPrivateUsage]
    note = f"{tokens} tokens in {steps} steps, base {base:.1f}"
    engine.close()
    return spent * 1e6, note


def fast_forward(loaded: Loaded, size: Size) -> Iterator[Row]:
    """Forced tokens asked for or not, in a batch of eight: all tools, short prompts included."""
    count = size.of(small=1, full=12)
    found: dict[str, list[tuple[float, str]]] = {way: [] for way in WAYS}
    for _ in range(size.of(small=1, full=2)):
        for way, runs in found.items():
            on, costs = WAYS[way]
            runs.append(calls(loaded, count, fast_forward=on, costs=costs))
    for way, runs in found.items():
        times = [spent for spent, _ in runs]
        yield row(f"{count} tool calls, forced tokens {way}", times, note=f"processor time; {runs[-1][1]}")


def conversation(loaded: Loaded, *, prefix_cache_bytes: int) -> float:
    """Four turns of an agent, each with all that was said before; seconds until the last turn's first token."""
    engine = loaded.engine(prefix_cache_bytes=prefix_cache_bytes)
    system = "You are a careful assistant. " + json.dumps(
        TOOLS["create_issue"] if "create_issue" in TOOLS else next(iter(TOOLS.values()))
    )
    messages = [{"role": "system", "content": system}]
    spent = 0.0
    for turn in range(4):
        messages.append({"role": "user", "content": f"Question {turn}: what would you do next, and why?"})
        prompt = chat_ids(loaded.tokenizer, messages)
        engine.add(SequenceRequest(prompt=prompt, max_tokens=12))
        said: list[int] = []
        before = time.perf_counter()
        while not engine.idle:
            events = [event for event in engine.step() if isinstance(event, TokenEvent)]
            if events and not said:
                spent += time.perf_counter() - before
            said += [event.token.id for event in events]
        messages.append({"role": "assistant", "content": loaded.tokenizer.decode(said)})
    engine.close()
    return spent


def prefixes(loaded: Loaded, rounds: int) -> Iterator[Row]:
    """A conversation of four turns, prompts kept or not."""
    found: dict[int, list[float]] = {0: [], 1 << 30: []}
    for _ in range(rounds):
        for size, times in found.items():
            times.append(conversation(loaded, prefix_cache_bytes=size) * 1e6)
    for size, times in found.items():
        yield row(f"four turns to their first tokens, prompts {'kept' if size else 'not kept'}", times)


def rows(size: Size) -> Iterator[Row]:
    """All of them."""
    steps = size.of(small=3, full=30)
    yield from masks(size.of(small=2, full=200))
    yield from random_weights("llama3_1", steps)
    if size is Size.FULL:
        yield from random_weights("gptoss", steps)
    loaded = Loaded(size)
    yield from overhead(loaded, steps)
    yield from prefixes(loaded, size.of(small=1, full=2))
    yield from fast_forward(loaded, size)

"""Hundreds of random sequences through small batches: each says what it says alone, whoever comes, goes or fails."""

import random

import pytest

from constrained.errors import BudgetTooSmall
from constrained.runtime import BatchEngine, SequenceRequest, batch
from constrained.runtime.sampling import Sampler
from constrained.runtime.selection import Adjustments
from constrained.runtime.sequence import SequenceFailed, TokenEvent
from tests.runtime import tiny
from tests.runtime.families import FAMILIES, family

pytestmark = pytest.mark.slow

PATTERNS = [
    "[a-z]{2,40}",
    r'\{"abc": "[a-z]*", "b": (true|false)\}',
    "(true|false|null)(, (true|false)){0,9}",
    "x",
    None,
]
SEQUENCES = 80


class Breaks:
    """A constraint that raises after some tokens."""

    def __init__(self, inner, after: int) -> None:
        self._inner, self._after = inner, after

    def __getattr__(self, name: str):
        return getattr(self._inner, name)

    def advance(self, token: int) -> None:
        self._after -= 1
        if not self._after:
            raise RuntimeError("broken")
        self._inner.advance(token)


def random_request(seed: int) -> SequenceRequest:
    rng = random.Random(seed)
    shared = random.Random(rng.randrange(3)).choices(range(2, 150), k=100)  # beginnings that others have, too
    prompt = shared[: rng.choice([0, 70, 100])] + rng.choices(range(2, 150), k=rng.randint(1, 60))
    pattern = rng.choice(PATTERNS)
    constraint = tiny.grammar(pattern).matcher() if pattern else None
    if constraint and rng.random() < 0.1:
        constraint = Breaks(constraint, rng.randint(1, 5))
    settings = {
        "sampler": Sampler(temperature=rng.choice([0, 0, 0.8]), top_k=rng.choice([0, 5]), seed=seed),
        "adjustments": rng.choice([Adjustments(), Adjustments(repetition_penalty=1.2)]),
        "logprobs_of_forced": rng.random() < 0.3,
        "fast_forward": rng.random() < 0.8,
        "stop": rng.choice([(), ("ab", "0")]),
    }
    budget = rng.randint(1, 30)
    try:
        return SequenceRequest(prompt=prompt, constraint=constraint, max_tokens=budget, **settings)
    except BudgetTooSmall as error:
        return SequenceRequest(prompt=prompt, constraint=constraint, max_tokens=error.minimum, **settings)


def outcomes(events: list) -> dict[int, tuple[list[int], str]]:
    """uid -> its tokens, and how it ended."""
    found: dict[int, tuple[list[int], str]] = {}
    for event in events:
        tokens, ending = found.setdefault(event.uid, ([], ""))
        assert not ending, "nothing follows the end"
        if isinstance(event, TokenEvent):
            tokens.append(event.token.id)
            found[event.uid] = tokens, event.token.finish_reason or ""
        elif isinstance(event, SequenceFailed):
            found[event.uid] = tokens, str(event.error)
    return found


@pytest.mark.parametrize("name", FAMILIES)
def test_whoever_is_with_it_a_sequence_says_what_it_says_alone(name, monkeypatch):
    monkeypatch.setattr(batch, "vocabulary_of", lambda model, tokenizer: tiny.vocabulary())
    model, rng = family(name), random.Random(name)
    engine = BatchEngine(model, None, max_batch=5, prefill_step=40, prefix_cache_bytes=200_000)
    events, seeds, cancelled = [], {}, set()
    for seed in range(SEQUENCES):
        seeds[engine.add(random_request(seed))] = seed
        for _ in range(rng.choice([0, 0, 1, 3, 9])):
            events += engine.step()
        if rng.random() < 0.15:
            uid = rng.choice(list(seeds))
            engine.cancel(uid)
            cancelled.add(uid)
    while not engine.idle:
        events += engine.step()
    found = outcomes(events)
    for uid, seed in seeds.items():
        alone = BatchEngine(model, None, max_batch=1, prefix_cache_bytes=0)
        expected_uid, expected = alone.add(random_request(seed)), []
        while not alone.idle:
            expected += alone.step()
        tokens, ending = outcomes(expected)[expected_uid]
        got, got_ending = found.get(uid, ([], ""))
        if uid in cancelled and not got_ending:
            assert got == tokens[: len(got)]
        else:
            assert (got, got_ending) == (tokens, ending), seed

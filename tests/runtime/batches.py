"""Sequences for batches: a mixture of requests, and what each of them says when it is alone."""

from dataclasses import replace
from functools import cache

import mlx.core as mx
import pytest

from constrained.runtime.answer import SequenceRequest
from constrained.runtime.batch import BatchEngine
from constrained.runtime.decode import GeneratedToken
from constrained.runtime.sampling import Sampler
from constrained.runtime.selection import Adjustments
from constrained.runtime.sequence import TokenEvent
from tests.runtime import tiny

PROMPT = [tiny.START, 20, 21, 22, 23]
PATTERNS = [
    r'\{"(abc|null|[a-z]{2,6})": (true|false|[0-9]{3,9})\}',
    None,
    "[a-z]{20}",
    "(true|xabcabc)",
    None,
    "[0-9]{1,30}",
    r"(true|false|null)(, (true|false|null)){2,5}",
    "x",
]


ADJUSTMENTS = [
    Adjustments(),
    Adjustments(repetition_penalty=1.3, logit_bias={30: 2.0, 40: -3.0}),
    Adjustments(presence_penalty=0.5, frequency_penalty=0.25),
]


def request(number: int, **changed) -> SequenceRequest:
    """The `number`-th of a mixture: with and without grammar, greedy and sampled, prompts of all lengths."""
    pattern = PATTERNS[number % len(PATTERNS)]
    settings = {
        "prompt": PROMPT + list(range(30, 30 + 7 * number % 40)),
        "constraint": tiny.grammar(pattern).matcher() if pattern else None,
        "sampler": Sampler(temperature=number % 3 / 2, top_p=0.95, seed=number),
        "max_tokens": 12 + number,
        "top_logprobs": number % 4,
        "logprobs_of_forced": number % 5 == 0,
        "adjustments": ADJUSTMENTS[number % len(ADJUSTMENTS)],
    }
    return SequenceRequest(**{**settings, **changed})


@cache
def alone(number: int) -> list[GeneratedToken]:
    """What the same request gets from an engine of its own."""
    engine = BatchEngine(tiny.model(), None, max_batch=1)
    uid = engine.add(request(number))
    return said(run(engine), uid)


def assert_as_alone(events: list, uids: dict[int, int]) -> None:
    """The sequences `uids` (number -> uid) say what they say alone, and as surely."""
    for number, uid in uids.items():
        expected, got = alone(number), said(events, uid)
        assert [plain(token) for token in got] == [plain(token) for token in expected]
        assert [token.logprob for token in got] == [
            None if token.logprob is None else pytest.approx(token.logprob, abs=1e-4) for token in expected
        ]


def plain(token: GeneratedToken) -> GeneratedToken:
    """All but what the last bits of the logits show in."""
    return replace(token, logprob=None, top_logprobs=tuple(one for one, _ in token.top_logprobs))


def run(engine: BatchEngine, steps: int = 1000) -> list:
    events = []
    while not engine.idle:
        events += engine.step()
        steps -= 1
        assert steps
    return events


def said(events: list, uid: int) -> list[GeneratedToken]:
    return [event.token for event in events if isinstance(event, TokenEvent) and event.uid == uid]


def tokens_of(events: list, uid: int) -> list[int]:
    return [token.id for token in said(events, uid)]


class Poisoned:
    """A model whose logits are not numbers for rows that have read a certain token."""

    def __init__(self, model, poison: int) -> None:
        self._model = model
        self._poison = poison

    @property
    def layers(self):
        return self._model.layers

    def __call__(self, inputs, cache=None):
        sick = (inputs == self._poison).any(axis=1)
        return mx.where(sick[:, None, None], mx.nan, self._model(inputs, cache=cache))


class Failing:
    """A model that raises in its n-th pass."""

    def __init__(self, model, passes: int) -> None:
        self._model, self._left = model, passes

    @property
    def layers(self):
        return self._model.layers

    def __call__(self, inputs, cache=None):
        self._left -= 1
        if self._left == 0:
            raise RuntimeError("out of memory")
        return self._model(inputs, cache=cache)

"""The batch engine: what a sequence says does not depend on who is with it."""

import random
import re
import threading
from dataclasses import replace
from functools import cache

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.models.cache import ChunkedKVCache

from constrained.budget import Budgeted
from constrained.errors import BudgetTooSmall, LimitExceeded, ModelError
from constrained.runtime import batch, decode, schedule, workers
from constrained.runtime.answer import SequenceRequest
from constrained.runtime.apply import apply_mask
from constrained.runtime.batch import BatchEngine
from constrained.runtime.decode import GeneratedToken, generate
from constrained.runtime.sampling import Sampler, log_probabilities
from constrained.runtime.selection import Adjustments
from constrained.runtime.sequence import PrefillProgress, SequenceFailed, TokenEvent
from tests.runtime import tiny
from tests.runtime.families import FAMILIES, family

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


@pytest.fixture(autouse=True)
def tiny_vocabulary(monkeypatch):
    for module in (batch, decode):
        monkeypatch.setattr(module, "vocabulary_of", lambda model, tokenizer: tiny.vocabulary())


@pytest.fixture(scope="module")
def model():
    return tiny.model()


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


def test_every_sequence_says_what_it_says_alone(model):
    engine = BatchEngine(model, None, max_batch=4)
    uids = [engine.add(request(number)) for number in range(12)]
    events = run(engine)
    assert_as_alone(events, dict(enumerate(uids)))


@pytest.mark.parametrize("name", FAMILIES)
def test_in_every_kind_of_cache_a_sequence_says_what_it_says_alone(name):
    model = family(name)
    numbers = (0, 2, 4, 5, 6, 9)
    expected = []
    for number in numbers:
        engine = BatchEngine(model, None, max_batch=1, prefix_cache_bytes=0)
        uid = engine.add(request(number))
        expected.append(tokens_of(run(engine), uid))
    engine = BatchEngine(model, None, max_batch=4, prefill_step=16)
    uids, events = [], []
    for number in numbers:
        uids.append(engine.add(request(number)))
        events += [*engine.step(), *engine.step()]
    cancelled = engine.add(request(1))
    events += engine.step()
    engine.cancel(cancelled)
    events += run(engine)
    assert [tokens_of(events, uid) for uid in uids] == expected


class Chunked:
    """A model whose caches cannot be batched."""

    def __init__(self, model) -> None:
        self._model, self.layers = model, model.layers

    def make_cache(self):
        return [ChunkedKVCache(1000) for _ in self.layers]

    def __call__(self, inputs, cache=None):
        return self._model(inputs, cache=cache)


def test_one_at_a_time_any_kind_of_cache_will_do(model):
    with pytest.raises(ModelError, match="max_batch=1"):
        BatchEngine(Chunked(model), None)
    engine = BatchEngine(Chunked(model), None, max_batch=1)
    events, uids = [], {}
    for number in (0, 1, 2, 1, 5, 2, 0):
        uids[engine.add(request(number))] = number
        events += [*engine.step(), *engine.step()]
    events += run(engine)
    for uid, number in uids.items():
        assert_as_alone(events, {number: uid})


@pytest.mark.parametrize("number", [1, 2, 4])
def test_one_at_a_time_it_is_the_single_loop(model, number):
    asked = request(number, fast_forward=False, adjustments=Adjustments(), top_logprobs=0)
    engine = BatchEngine(model, None, max_batch=1)
    uid = engine.add(asked)
    events = run(engine)
    made = generate(
        model, None, list(asked.prompt), request(number).constraint, max_tokens=asked.max_tokens,
        temperature=asked.sampler.temperature, top_p=asked.sampler.top_p, seed=asked.sampler.seed,
    )  # fmt: skip
    assert tokens_of(events, uid) == [token.id for token in made.tokens]


@pytest.mark.parametrize("number", [0, 3, 6, 7])
def test_forced_tokens_are_scored_if_that_is_asked_for(model, number):
    """Each token's log-probability is that among the allowed ones, behind the text so far."""
    engine = BatchEngine(model, None)
    asked = {"temperature": 1.0, "seed": number}
    settings = {"sampler": Sampler(**asked), "adjustments": Adjustments(), "top_logprobs": 3, "max_tokens": 60}
    others = [engine.add(request(other)) for other in (1, 2)]
    uid = engine.add(request(number, logprobs_of_forced=True, **settings))
    again = engine.add(request(number, logprobs_of_forced=True, **settings))
    unscored = engine.add(request(number, logprobs_of_forced=False, **settings))
    events = run(engine)
    assert tokens_of(events, uid) == tokens_of(events, again) == tokens_of(events, unscored)
    assert any(token.logprob is None for token in said(events, unscored))
    matcher, text = tiny.grammar(PATTERNS[number]).matcher(), list(request(number).prompt)
    for token in said(events, uid):
        logits = model(mx.array([text]))[:, -1]
        expected = np.array(log_probabilities(apply_mask(logits, matcher.bitmask())))[0]
        assert token.logprob == pytest.approx(expected[token.id], abs=1e-4)
        likeliest = np.argsort(-expected)[:3]
        assert [one for one, _ in token.top_logprobs] == [one for one in likeliest if expected[one] > -np.inf]
        matcher.advance(token.id)
        text.append(token.id)
    assert matcher.is_finished
    assert_as_alone(events, dict(zip((1, 2), others, strict=True)))


def test_sequences_join_at_any_time(model):
    engine = BatchEngine(model, None, max_batch=3)
    events, uids = [], []
    for number in range(10):
        uids.append(engine.add(request(number)))
        for _ in range(number % 4):
            events += engine.step()
    events += run(engine)
    assert_as_alone(events, dict(enumerate(uids)))


def test_the_last_token_says_why(model):
    engine = BatchEngine(model, None)
    uid = engine.add(request(2, max_tokens=30))
    cut = engine.add(request(2, constraint=None, max_tokens=5))
    eager = Adjustments({tiny.SPELLINGS.index(b"x"): 99.0})
    short = engine.add(
        request(2, constraint=tiny.grammar("x*(yes|no)").matcher(), max_tokens=9, adjustments=eager, sampler=Sampler())
    )
    events = run(engine)
    *before, last = said(events, uid)
    assert {token.finish_reason for token in before} == {None}
    assert last.finish_reason == "stop"
    assert re.fullmatch("[a-z]{20}", b"".join(token.text for token in before).decode())
    assert said(events, cut)[-1].finish_reason == "length"
    assert len(tokens_of(events, cut)) == 5
    assert said(events, short)[-1].finish_reason == "budget"
    assert [token.steered for token in said(events, short)].count(True) == 1
    assert re.fullmatch("xxxxx+(yes|no)", b"".join(token.text for token in said(events, short)).decode())


def test_an_answer_ends_before_a_stop_string_where_it_may(model):
    engine = BatchEngine(model, None)
    whole = engine.add(request(1, max_tokens=30))
    text = b"".join(token.text for token in said(run(engine), whole)).decode()
    stop = text[5:8]
    uids = [
        engine.add(request(1, max_tokens=30, stop=["never said", stop])),
        engine.add(request(2, max_tokens=30, stop=["a", "e", "i"])),  # 20 letters, or nothing
        engine.add(request(4)),
    ]
    events = run(engine)
    assert b"".join(token.text for token in said(events, uids[0])).decode() == text[: text.index(stop)]
    assert said(events, uids[0])[-1].finish_reason == "stop"
    assert re.fullmatch("[a-z]{20}", b"".join(token.text for token in said(events, uids[1])).decode())
    assert_as_alone(events, {4: uids[2]})


def test_what_cannot_be_asked_is_refused_when_it_is_added(model):
    engine = BatchEngine(model, None)
    with pytest.raises(ValueError, match="token 1000000"):
        engine.add(request(1, adjustments=Adjustments({1_000_000: 1.0})))
    with pytest.raises(ValueError, match="stop"):
        request(1, stop="END")
    assert engine.idle


def test_a_budget_that_holds_no_text_is_refused_with_the_request():
    with pytest.raises(BudgetTooSmall):
        request(2, max_tokens=3)


@pytest.mark.parametrize("after", range(0, 12, 2))
def test_a_cancelled_sequence_is_gone_at_once_and_the_others_do_not_notice(model, after):
    engine = BatchEngine(model, None, max_batch=2, prefill_step=8)
    uids = [engine.add(request(number)) for number in range(4)]
    events = []
    for _ in range(after):
        events += engine.step()
    engine.cancel(uids[1])
    later = run(engine)
    assert not [event for event in later if event.uid == uids[1]]
    assert_as_alone(events + later, {number: uids[number] for number in (0, 2, 3)})


def test_cancelling_what_is_finished_or_unknown_changes_nothing(model):
    engine = BatchEngine(model, None)
    uid = engine.add(request(7))
    events = run(engine)
    engine.cancel(uid)
    engine.cancel(12345)
    assert engine.idle
    assert_as_alone(events, {7: uid})


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


def test_a_sequence_without_numbers_fails_alone(model):
    engine = BatchEngine(Poisoned(model, 99), None)
    uids = [engine.add(request(number)) for number in range(3)]
    sick = engine.add(request(3, prompt=[5, 99]))
    events = run(engine)
    (failed,) = [event for event in events if isinstance(event, SequenceFailed)]
    assert failed.uid == sick
    assert isinstance(failed.error, ModelError)
    assert_as_alone(events, dict(enumerate(uids)))


class Broken:
    """A constraint that raises when asked for its `after`-th mask, or told its `after`-th token."""

    def __init__(self, inner, method: str, after: int) -> None:
        self._inner, self._method, self._after = inner, method, after

    def __getattr__(self, name: str):
        if name == self._method:
            self._after -= 1
            if self._after < 0:
                raise RuntimeError(f"{name} is broken")
        return getattr(self._inner, name)


SLOW = ["bitmask", "advance", "forced_tokens"]


class Slow(Budgeted):
    """The constraint of a request that thinks about its `after`-th answer to `method` until it may go on."""

    def __init__(self, number: int, method: str, after: int) -> None:
        pattern = PATTERNS[number % len(PATTERNS)]
        assert pattern is not None
        super().__init__(tiny.grammar(pattern).matcher(), request(number).max_tokens)
        self._method, self._after = method, after
        self.may_go_on = threading.Event()

    def _asked(self, method: str) -> None:
        if method == self._method:
            self._after -= 1
            if self._after < 0:
                self.may_go_on.wait()

    def bitmask(self):
        self._asked("bitmask")
        return super().bitmask()

    def advance(self, token):
        self._asked("advance")
        super().advance(token)

    def forced_tokens(self):
        self._asked("forced_tokens")
        return super().forced_tokens()


@pytest.mark.parametrize("method", SLOW)
def test_nobody_waits_for_a_slow_grammar_and_it_says_what_it_says_alone(model, monkeypatch, method):
    monkeypatch.setattr(workers, "WORKERS", 2)
    engine = BatchEngine(model, None, max_batch=8)
    slow = {number: Slow(number, method, after=2) for number in (2, 6, 14, 18, 22)}
    slow_uids = {number: engine.add(request(number, constraint=one)) for number, one in slow.items()}
    uids = {number: engine.add(request(number)) for number in (1, 3, 4)}
    events = []
    while len([event for event in events if isinstance(event, TokenEvent) and event.token.finish_reason]) < len(uids):
        events += engine.step()
    assert_as_alone(events, uids)
    assert engine.active == len(slow)
    for one in slow.values():
        one.may_go_on.set()
    assert_as_alone(events + run(engine), slow_uids)


@pytest.mark.parametrize("method", SLOW)
def test_a_grammar_that_thinks_for_too_long_is_given_up(model, method):
    engine = BatchEngine(model, None, mask_seconds=0.2)
    slow = [Slow(2, method, after=0), Slow(2, method, after=1)]
    cancelled, uid = (engine.add(request(2, constraint=one)) for one in slow)
    events = engine.step() + engine.step()
    engine.cancel(cancelled)
    *_, failed = events + run(engine)
    assert (failed.uid, type(failed.error)) == (uid, LimitExceeded)
    other = engine.add(request(3))
    assert_as_alone(run(engine), {3: other})
    for one in slow:
        one.may_go_on.set()


@pytest.mark.parametrize("method", ["bitmask", "advance", "is_finished", "forced_bytes"])
def test_a_constraint_that_raises_fails_alone(model, method):
    engine = BatchEngine(model, None)
    uids = [engine.add(request(number)) for number in range(3)]
    broken = engine.add(request(2, constraint=Broken(tiny.grammar("[a-z]{20}").matcher(), method, 4)))
    events = run(engine)
    (failed,) = [event for event in events if isinstance(event, SequenceFailed)]
    assert failed.uid == broken
    assert str(failed.error) == f"{method} is broken"
    assert_as_alone(events, dict(enumerate(uids)))


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


@pytest.mark.parametrize("passes", range(1, 9))
def test_a_pass_that_fails_does_not_stop_the_engine(model, passes):
    engine = BatchEngine(Failing(model, passes), None, max_batch=2)
    uids = [engine.add(request(number)) for number in range(4)]
    events = run(engine)
    failed = [event.uid for event in events if isinstance(event, SequenceFailed)]
    assert failed
    assert uids[3] not in failed
    assert_as_alone(events, {number: uid for number, uid in enumerate(uids) if uid not in failed})


def test_a_long_prompt_is_read_in_pieces_while_others_are_generated(model):
    engine = BatchEngine(model, None, prefill_step=10)
    short = engine.add(request(2, prompt=PROMPT, max_tokens=20))
    engine.step()
    long = engine.add(request(4, prompt=list(range(2, 37))))
    progress = []
    while not progress or progress[-1].done < 35:
        events = engine.step()
        assert tokens_of(events, short)
        progress += [event for event in events if isinstance(event, PrefillProgress)]
    assert progress == [PrefillProgress(long, done, 35) for done in (10, 20, 30, 35)]


def test_a_short_prompt_overtakes_a_long_one(model):
    engine = BatchEngine(model, None, prefill_step=10)
    long = engine.add(request(4, prompt=list(range(2, 97))))
    engine.step()
    short = engine.add(request(1, prompt=[3, 4, 5]))
    for _ in range(3):
        events = engine.step()
    assert tokens_of(events, short)
    assert not tokens_of(events, long)


def test_wrong_arguments_are_refused_by_name(model):
    with pytest.raises(ValueError, match="max_batch"):
        BatchEngine(model, None, max_batch=0)
    with pytest.raises(ValueError, match="prompt"):
        SequenceRequest(prompt=[])
    with pytest.raises(ValueError, match="max_tokens"):
        SequenceRequest(prompt=[1], max_tokens=0)


def random_requests(count: int, seed: int):
    rng = random.Random(seed)
    for _ in range(count):
        prompt = rng.choices(range(2, 150), k=rng.randint(1, 300))
        yield request(rng.randrange(50), prompt=prompt, constraint=None, max_tokens=rng.randint(1, 30))


def test_when_idle_nothing_but_kept_prompts_is_in_memory(model):
    limit = 300_000
    engine = BatchEngine(model, None, prefix_cache_bytes=limit)
    kept = []
    before = mx.get_active_memory()
    for asked in random_requests(30, seed=1):
        engine.add(asked)
        for _ in range(3):
            engine.step()
        kept.append(engine.kept_bytes)
    run(engine)
    assert max(kept) <= limit
    assert mx.get_active_memory() - before <= 2 * engine.kept_bytes + 4096  # MLX gives out buffers up to twice as large
    engine.close()
    assert mx.get_active_memory() - before <= 4096


def test_in_banks_of_their_own_sequences_say_what_they_say_alone(model, monkeypatch):
    monkeypatch.setattr(schedule, "UNUSED", 0)
    engine = BatchEngine(model, None, max_batch=6, prefix_cache_bytes=0)
    long = [engine.add(request(1, prompt=list(range(2, 150)) * 8)) for _ in range(2)]
    uids = {number: engine.add(request(number)) for number in range(6)}
    events, banks = [], set()
    while not engine.idle:
        events += engine.step()
        banks.add(len(engine._rows._banks))
    assert banks == {0, 1, 2}
    assert_as_alone(events, uids)
    assert tokens_of(events, long[0]) == tokens_of(events, long[1])


def test_without_kept_prompts_nothing_is_in_memory_when_idle(model):
    engine = BatchEngine(model, None, prefix_cache_bytes=0)
    before = mx.get_active_memory()
    uids = [engine.add(asked) for asked in random_requests(12, seed=2)]
    for uid in uids[::3]:
        engine.step()
        engine.cancel(uid)
    run(engine)
    assert mx.get_active_memory() - before <= 4096


@pytest.mark.parametrize("prefix_cache_bytes", [0, 1 << 30])
def test_the_next_turn_says_the_same_whether_the_last_was_kept_or_not(model, prefix_cache_bytes):
    engine = BatchEngine(model, None, prefix_cache_bytes=prefix_cache_bytes, prefill_step=16)
    prompt, answers, read = PROMPT * 5, [], 0
    for turn in range(4):
        uid = engine.add(request(1, prompt=prompt))
        events = run(engine)
        (last,) = [event for event in events if isinstance(event, PrefillProgress) and event.done == event.total]
        read += last.total - last.known
        answers.append(tokens_of(events, uid))
        prompt = [*prompt, *answers[-1], 20 + turn]
    fresh = BatchEngine(model, None, prefix_cache_bytes=0)
    uid = fresh.add(request(1, prompt=prompt[: -1 - len(answers[-1])]))
    assert tokens_of(run(fresh), uid) == answers[-1]
    assert read < len(prompt) if prefix_cache_bytes else read > 2 * len(prompt)


def test_equal_prompts_are_read_once(model):
    engine = BatchEngine(model, None, prefill_step=40)
    prompt = [random.Random(n).randrange(2, 150) for n in range(200)]
    uids = [engine.add(request(1, prompt=[*prompt, 20 + n])) for n in range(5)]
    known = {}
    for event in run(engine):
        if isinstance(event, PrefillProgress):
            known[event.uid] = event.known
    assert [known[uid] for uid in uids] == [0, 200, 200, 200, 200]

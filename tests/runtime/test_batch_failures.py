"""Sequences of a batch are cancelled, fail or take too long, and the others do not notice."""

import threading
import time

import pytest

from constrained.budget import Budgeted
from constrained.deadline import look
from constrained.errors import ModelError, OutOfTime
from constrained.runtime import batch, workers
from constrained.runtime.batch import BatchEngine
from constrained.runtime.selection import Adjustments
from constrained.runtime.sequence import SequenceFailed, TokenEvent
from tests.runtime import tiny
from tests.runtime.batches import PATTERNS, PROMPT, Failing, Poisoned, assert_as_alone, request, run, said

pytestmark = pytest.mark.usefixtures("tiny_vocabulary")


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
    assert (failed.uid, type(failed.error)) == (uid, OutOfTime)
    other = engine.add(request(3))
    assert_as_alone(run(engine), {3: other})
    for one in slow:
        one.may_go_on.set()


class Endless(Slow):
    """Thinks for ever, and looks at the clock as grammars do."""

    def _asked(self, method: str) -> None:
        while method == self._method:
            look()


@pytest.mark.parametrize("method", SLOW)
def test_a_grammar_that_never_stops_thinking_is_stopped(model, method):
    before = threading.active_count()
    engine = BatchEngine(model, None, mask_seconds=0.1)
    uid = engine.add(request(2, constraint=Endless(2, method, after=0)))
    *_, failed = run(engine)
    assert (failed.uid, type(failed.error)) == (uid, OutOfTime)
    engine.close()
    while threading.active_count() > before:  # its thread ends
        time.sleep(0.01)


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


@pytest.mark.parametrize("passes", range(1, 9))
def test_a_pass_that_fails_does_not_stop_the_engine(model, passes):
    engine = BatchEngine(Failing(model, passes), None, max_batch=2)
    uids = [engine.add(request(number)) for number in range(4)]
    events = run(engine)
    failed = [event.uid for event in events if isinstance(event, SequenceFailed)]
    assert failed
    assert uids[3] not in failed
    assert_as_alone(events, {number: uid for number, uid in enumerate(uids) if uid not in failed})


def test_a_prompt_that_cannot_be_read_is_told_of_though_its_step_fails_later(model, monkeypatch):
    failing = Failing(model, 0)
    engine = BatchEngine(failing, None)
    row = engine.add(request(1))
    engine.step()
    prompt = engine.add(request(4, prompt=PROMPT * 5))

    def out_of_memory(logits, rows):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(failing, "_left", 1)
    monkeypatch.setattr(batch, "select", out_of_memory)
    failed = [event.uid for event in engine.step() if isinstance(event, SequenceFailed)]
    assert failed == [prompt, row]


class Ends(Budgeted):
    """The constraint of a grammar, which cannot say what may follow `tokens` tokens."""

    def __init__(self, pattern: str, tokens: int) -> None:
        super().__init__(tiny.grammar(pattern).matcher(), 30)
        self._most = tokens

    def bitmask(self):
        if len(self.tokens) == self._most:
            raise RuntimeError("nobody knows")
        return super().bitmask()


def test_behind_a_stop_string_nothing_fails_any_more(model):
    """A pass reads the forced tokens of a stop string and those behind it, and a choice is next."""
    likely = Adjustments(logit_bias=dict.fromkeys([tiny.SPELLINGS.index(b"x"), tiny.SPELLINGS.index(b"y")], 50.0))
    engine = BatchEngine(model, None)
    uid = engine.add(
        request(
            0,
            constraint=Ends("x(yzwq[a-z]{5})?", 5),
            stop=["yz"],
            adjustments=likely,
            logprobs_of_forced=True,
            max_tokens=30,
        )
    )
    *_, last = events = run(engine)
    assert b"".join(token.text for token in said(events, uid)) == b"x"
    assert isinstance(last, TokenEvent)
    assert last.token.finish_reason == "stop"

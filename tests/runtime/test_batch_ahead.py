"""A batch that goes on before it knows what was chosen says the same."""

import time

import pytest

from constrained.budget import Budgeted
from constrained.runtime import ahead, workers
from constrained.runtime.batch import BatchEngine
from constrained.runtime.sequence import SequenceFailed
from tests.runtime import tiny
from tests.runtime.batches import PATTERNS, PROMPT, Failing, Poisoned, assert_as_alone, request, run, said, tokens_of
from tests.runtime.families import FAMILIES, family

pytestmark = pytest.mark.usefixtures("tiny_vocabulary")


@pytest.fixture(params=[True, False], ids=["rows with choices too", "rows in texts alone"])
def engine(request, monkeypatch, model):
    """Runs ahead, for every row that may follow more than one token (or more than 256, which few here may)."""
    monkeypatch.setattr(workers, "PATIENCE", 60.0)  # on a busy machine rows would get out of step
    if request.param:
        monkeypatch.setattr(ahead, "MOST", 1)

    def made(model=model, **settings) -> BatchEngine:
        return BatchEngine(model, None, **{"run_ahead": True, "max_batch": 4, **settings})

    return made


def counted(engine: BatchEngine, monkeypatch) -> list[int]:
    """How many rows each pass that is run ahead has; filled as the engine runs."""
    found: list[int] = []
    really = engine._rows.run_ahead

    def counting(uids, tokens):
        found.append(len(uids))
        return really(uids, tokens)

    monkeypatch.setattr(engine._rows, "run_ahead", counting)
    return found


def test_whoever_runs_ahead_says_what_it_says_alone(engine, monkeypatch):
    running = engine()
    passes = counted(running, monkeypatch)
    uids = [running.add(request(number)) for number in range(12)]
    assert_as_alone(run(running), dict(enumerate(uids)))
    assert passes or ahead.MOST > 1


def test_tokens_that_must_follow_are_read_behind_a_pass_that_came_too_early(engine, monkeypatch):
    running = engine()
    passes = counted(running, monkeypatch)
    uids = {number: running.add(request(number)) for number in (3, 6, 11, 14)}
    events = run(running)
    assert_as_alone(events, uids)
    assert any(token.forced for uid in uids.values() for token in said(events, uid))
    assert bool(passes) == (ahead.MOST == 1)


def test_without_forced_tokens_every_row_runs_ahead(engine, monkeypatch):
    running = engine()
    passes = counted(running, monkeypatch)
    uids = [running.add(request(2, fast_forward=False, max_tokens=30)) for _ in range(3)]
    events = run(running)
    assert len({tuple(tokens_of(events, uid)) for uid in uids}) == 1
    assert passes == [3] * (len(tokens_of(events, uids[0])) - 1) or passes == [3] * len(tokens_of(events, uids[0]))


@pytest.mark.parametrize("name", FAMILIES)
def test_in_every_kind_of_cache_running_ahead_changes_nothing(name, engine):
    numbers, found = (0, 2, 4, 5, 6, 9), []
    for ahead_of in (False, True):
        running = engine(family(name), run_ahead=ahead_of, prefill_step=16)
        uids, events = [], []
        for number in numbers:
            uids.append(running.add(request(number)))
            events += [*running.step(), *running.step()]
        events += run(running)
        found.append([tokens_of(events, uid) for uid in uids])
    assert found[0] == found[1]


@pytest.mark.parametrize("after", range(2, 14, 3))
def test_sequences_come_and_go_beside_a_pass_that_is_ahead(engine, after):
    running = engine(max_batch=3)
    uids = [running.add(request(number)) for number in range(4)]
    events = []
    for _ in range(after):
        events += running.step()
    running.cancel(uids[1])
    uids.append(running.add(request(5)))
    later = run(running)
    assert not [event for event in later if event.uid == uids[1]]
    assert_as_alone(events + later, {number: uids[number] for number in (0, 2, 3)} | {5: uids[4]})


@pytest.mark.parametrize("passes", range(1, 9))
def test_a_pass_ahead_that_fails_takes_its_rows_and_nothing_else(engine, model, passes):
    running = engine(Failing(model, passes), max_batch=2)
    uids = [running.add(request(number)) for number in range(4)]
    events = run(running)
    failed = [event.uid for event in events if isinstance(event, SequenceFailed)]
    assert failed
    assert_as_alone(events, {number: uid for number, uid in enumerate(uids) if uid not in failed})


def test_a_row_without_numbers_fails_alone_though_its_next_pass_runs(engine, model):
    running = engine(Poisoned(model, 99))
    uids = [running.add(request(number)) for number in range(3)]
    sick = running.add(request(3, prompt=[5, 99]))
    events = run(running)
    assert [event.uid for event in events if isinstance(event, SequenceFailed)] == [sick]
    assert_as_alone(events, dict(enumerate(uids)))


def test_what_a_row_read_in_vain_is_kept_for_the_next_turn(engine):
    """The last token of an answer is in its cache, and in the next prompt."""
    answers = []
    for prefix_cache_bytes in (0, 1 << 30):
        running, prompt = engine(prefix_cache_bytes=prefix_cache_bytes), PROMPT * 5
        for turn in range(4):
            uid = running.add(request(1, prompt=prompt))
            prompt = [*prompt, *tokens_of(run(running), uid), 20 + turn]
        answers.append(prompt)
    assert answers[0] == answers[1]


class Slow(Budgeted):
    """The constraint of a request that thinks about every third token that it is told, longer than others wait."""

    def advance(self, token):
        if len(self.tokens) % 3 == 2:
            time.sleep(0.05)
        super().advance(token)


@pytest.mark.parametrize("number", [2, 3, 6, 14])
def test_a_row_whose_grammar_is_late_keeps_what_was_read_ahead(engine, monkeypatch, number):
    """The pass over its token is over before the grammar has taken the token."""
    monkeypatch.setattr(workers, "PATIENCE", 0.01)
    running = engine()
    passes = counted(running, monkeypatch)
    pattern = PATTERNS[number % len(PATTERNS)]
    slow = Slow(tiny.grammar(pattern).matcher(), request(number).max_tokens)
    uids = {
        number: running.add(request(number, constraint=slow)),
        1: running.add(request(1)),
        4: running.add(request(4)),
    }
    assert_as_alone(run(running), uids)
    assert passes or ahead.MOST > 1

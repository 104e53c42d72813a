"""Prompts of a batch: read in pieces, shared with later ones, kept within bounds."""

import random

import mlx.core as mx
import pytest

from constrained.runtime import schedule
from constrained.runtime.batch import BatchEngine
from constrained.runtime.sequence import PrefillProgress
from tests.runtime.batches import PROMPT, assert_as_alone, request, run, tokens_of

pytestmark = pytest.mark.usefixtures("tiny_vocabulary")


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

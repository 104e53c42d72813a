"""Who is read, joins and leaves: the plans, without a model."""

import pytest

from constrained.runtime.answer import Answer, SequenceRequest
from constrained.runtime.costs import Costs
from constrained.runtime.plan import Begin, Leave, Plan
from constrained.runtime.schedule import WORTH_KEEPING, WORTH_WAITING, Schedule
from constrained.runtime.sequence import Running
from tests.runtime import tiny


def schedule(**settings) -> Schedule:
    return Schedule(**{"max_batch": 4, "prefill_step": 10, "prefix_cache_bytes": 1000, **settings})


def add(to: Schedule, uid: int, prompt) -> Running:
    sequence = Running(uid, Answer(SequenceRequest(prompt=list(prompt)), tiny.vocabulary()))
    to.add(sequence)
    return sequence


def execute(it: Schedule, *, trimmable: bool = True) -> Plan:
    """One step of a model's side that keeps everything, one byte a token."""
    plan = it.plan()
    for one in (*plan.leave, *plan.keep, *plan.join):
        if one.entry is not None:
            it.kept(one.entry, 1, trimmable=trimmable)
    return plan


def pieces(plan: Plan) -> dict[int, int]:
    return {piece.uid: len(piece.tokens) for piece in plan.read}


def test_a_prompt_is_read_in_pieces_and_its_last_token_with_the_batch():
    it = schedule()
    add(it, 1, range(25))
    plans = [execute(it) for _ in range(3)]
    assert [pieces(plan) for plan in plans] == [{1: 10}, {1: 10}, {1: 4}]
    assert [len(plan.join) for plan in plans] == [0, 0, 1]
    assert plans[-1].passes[0][0].tokens == (24,)


def test_what_a_short_prompt_leaves_of_a_step_goes_to_the_next():
    it = schedule()
    add(it, 1, range(4))
    add(it, 2, range(100, 130))
    assert pieces(execute(it)) == {1: 3, 2: 7}


def test_prompts_are_read_in_turns():
    it = schedule()
    add(it, 1, range(30))
    add(it, 2, range(100, 130))
    assert [pieces(execute(it)) for _ in range(4)] == [{1: 10}, {2: 10}, {1: 10}, {2: 10}]


def test_what_is_left_of_several_prompts_is_read_by_their_rows_in_one_pass():
    it = schedule(prefill_step=120)
    add(it, 1, [1, *range(20)])
    execute(it)
    for uid in (2, 3, 4):
        add(it, uid, [uid, *range(10 * uid)])
    plan = execute(it)
    assert not plan.read
    assert [(one.uid, one.entry, one.bank) for one in plan.join] == [(2, None, 0), (3, None, 0), (4, None, 0)]
    rest, chosen = plan.passes
    assert [(piece.uid, len(piece.tokens), piece.wanted) for piece in rest] == [(2, 20, 0), (3, 30, 0), (4, 40, 0)]
    assert [(piece.uid, piece.tokens) for piece in chosen] == [(2, (19,)), (3, (29,)), (4, (39,))]


def test_prompts_are_not_read_together_beyond_what_a_step_may_read_with_padding():
    it = schedule(prefill_step=60)
    for uid, length in enumerate([20, 11, 40, 10]):
        add(it, uid, [uid, *range(length)])
    plan = execute(it)
    assert {piece.uid for piece in plan.passes[0]} == {0, 1, 3}
    assert pieces(plan) == {2: 60 - 20 - 11 - 10}


@pytest.mark.parametrize("trimmable", [True, False])
def test_prompts_whose_caches_cannot_be_cut_are_read_one_by_one(trimmable):
    it = schedule(prefill_step=100)
    add(it, 1, [500, 501])
    execute(it, trimmable=trimmable)
    add(it, 2, range(10))
    add(it, 3, range(20, 30))
    assert pieces(execute(it)) == ({} if trimmable else {2: 9, 3: 9})


def test_no_more_than_there_is_room_for_begin():
    it = schedule(max_batch=2)
    for uid in range(3):
        add(it, uid, [uid * 10, 1])
    assert [begin.uid for begin in execute(it).begin] == [0, 1]
    assert [sequence.uid for sequence in it.waiting] == [2]
    it.remove(0)
    plan = execute(it)
    assert plan.leave == (Leave(0),)
    assert plan.begin == (Begin(2),)


def test_who_begins_like_a_prompt_that_is_being_read_waits_for_it_and_others_do_not():
    it = schedule(prefill_step=1000)
    shared = list(range(WORTH_WAITING + 20))
    add(it, 1, [*shared, 901])
    add(it, 2, [*shared, 902])
    add(it, 3, [700, 701])
    assert [begin.uid for begin in execute(it).begin] == [1, 3]
    (begin,) = execute(it).begin
    assert (begin.uid, begin.length) == (2, len(shared))
    assert begin.entry is not None


@pytest.mark.parametrize("settings", [{"prefix_cache_bytes": 0}, {}])
def test_nobody_waits_for_what_cannot_be_reused(settings):
    it = schedule(**settings)
    add(it, 1, [500, 501])
    execute(it, trimmable=False)
    shared = list(range(WORTH_WAITING + 20))
    add(it, 2, [*shared, 901])
    add(it, 3, [*shared, 902])
    assert [begin.uid for begin in execute(it).begin] == [2, 3]


def test_a_finished_sequence_leaves_what_was_read_and_is_continued_from_there():
    it = schedule()
    first = add(it, 1, [1, 2, 3])
    execute(it)
    first.tokens += [4, 5]
    first.feed = [4, 5]
    execute(it)
    it.remove(1, keep=True)
    (left,) = execute(it).leave
    add(it, 2, [1, 2, 3, 4, 5, 6])
    assert execute(it).begin == (Begin(2, left.entry, 5),)


def test_where_caches_cannot_be_cut_the_place_where_prompts_part_is_kept():
    it = schedule(prefill_step=1000)
    shared = list(range(WORTH_KEEPING + 20))
    for uid, known in enumerate([0, 0, len(shared), len(shared)]):
        add(it, uid, [*shared, 900 + uid, 901 + uid, 902 + uid])
        begun: list[Begin] = []
        while it.waiting or it.reading:
            begun += execute(it, trimmable=False).begin
        assert [begin.length for begin in begun] == [known]
        it.remove(uid)


def test_a_long_row_does_not_make_all_others_as_long():
    it = schedule(prefill_step=100_000, max_batch=9)
    for uid, length in enumerate([300, 200, 100, 30_000, 250, 20_000, 100]):
        add(it, uid, [uid, *range(length)])
    execute(it)
    assert {row.uid: row.bank for row in it.rows} == {0: 0, 1: 0, 2: 0, 3: 1, 4: 0, 5: 1, 6: 0}
    for row in it.rows:
        row.feed = [7]
    assert sorted(len(one) for one in execute(it).passes) == [2, 5]
    it.remove(3)
    it.remove(5)
    add(it, 9, [9, *range(40_000)])
    execute(it)
    assert it.rows[-1].bank == 1


def test_it_is_idle_only_when_what_must_leave_has_left():
    it = schedule()
    assert it.idle
    add(it, 1, [1, 2])
    execute(it)
    it.remove(1)
    assert not it.idle
    execute(it)
    assert it.idle


def test_rows_are_not_held_up_for_longer_than_is_known_to_take_half_a_second():
    it = schedule(prefill_step=1000)
    it.costs.read(100, 100 * 0.01 + 16 * 0.01)  # 10 ms a token
    add(it, 1, [500, 501])
    execute(it)
    add(it, 2, range(1000))
    assert pieces(execute(it)) == {2: 34}
    it.remove(1)
    assert pieces(execute(it)) == {2: 965}


@pytest.mark.parametrize("base", [0.5, 16.0, 100.0])
def test_the_base_is_found_from_what_passes_take(base):
    costs = Costs()
    for _ in range(20):
        costs.read(256, (base + 256) * 0.002)
        costs.passed(4, (base + 4) * 0.002)
    assert costs.base == pytest.approx(base, rel=0.2, abs=0.5)
    assert costs.per_token == pytest.approx(0.002, rel=0.05)

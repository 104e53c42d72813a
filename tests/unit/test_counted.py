"""A counted automaton is its meter's language, cut down to some lengths."""

import json
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from constrained import CompiledGrammar, Vocabulary
from constrained.automata.costs import extremes
from constrained.automata.counted import UNBOUNDED, Counted, meter, string_meter
from constrained.automata.dfa import DEAD, REFUSES, START, Dfa
from constrained.automata.lift import any_text
from constrained.automata.regex import compile_rust
from constrained.grammar import Rule, Terminal
from tests.support.automata import LETTERS, automata
from tests.support.grammars import tokens_of

LETTERS_OF_TEXTS = 'aé"\n'
TEXTS = ["".join(text) for length in range(6) for text in product(LETTERS_OF_TEXTS, repeat=length)]
PATTERNS = ["(?s:.)*", "a*", "(aé)*", 'a|éé"*', "(a|éé)*", "(aa)*", "aaa|é", '(a"){2}|\n{5}|é', "[aé]{1,2}"]
BOUNDS = [(0, 0), (0, 2), (1, 3), (2, 2), (3, 5), (2, UNBOUNDED), (0, UNBOUNDED)]


def written(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode()


def after(counted: Counted, text: bytes) -> int:
    row = int(START)
    for byte in text:
        row = counted.after(row, byte) if row != DEAD else DEAD
    return row


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(("low", "high"), BOUNDS)
def test_lengths_are_counted_in_characters(pattern, low, high):
    decoded = compile_rust(pattern)
    one = string_meter(decoded)
    if not one.decides(low, high):
        return
    counted = Counted(one, low, high)
    accepted = [text for text in TEXTS if decoded.accepts(text.encode()) and low <= len(text) <= high]
    found = [text for text in TEXTS if counted.label(after(counted, written(text))) != REFUSES]
    assert found == accepted
    assert counted.is_empty == (not accepted) or high > 5


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(("low", "high"), BOUNDS)
def test_a_live_state_can_be_completed_and_no_shorter(pattern, low, high):
    one = string_meter(compile_rust(pattern))
    if not one.decides(low, high) or Counted(one, low, high).is_empty:
        return
    counted = Counted(one, low, high)
    states, todo = {int(START)}, [int(START)]
    while todo and len(states) < 60:
        row = todo.pop(0)
        reads = [byte for byte in range(256) if counted.after(row, byte) != DEAD]
        assert counted.reads(row) == bytes(reads)
        assert counted.only_byte(row) == (reads[0] if len(reads) == 1 else -2 if reads else -1)
        completion = counted.completion(row)
        assert counted.label(end := row_after(counted, row, completion)) != REFUSES, (row, end)
        assert len(completion) == distance(counted, row)
        fresh = {counted.after(row, byte) for byte in (*reads[:4], *reads[-4:])} - states
        states |= fresh
        todo.extend(fresh)


def row_after(counted: Counted, row: int, text: bytes) -> int:
    for byte in text:
        row = counted.after(row, byte)
    return row


def distance(counted: Counted, row: int) -> int:
    """By breadth-first search."""
    level, seen, steps = {row}, {row}, 0
    while not any(counted.label(one) != REFUSES for one in level):
        level = {counted.after(one, byte) for one in level for byte in counted.reads(one)} - seen
        seen |= level
        steps += 1
        assert level, "a live state that cannot be completed"
    return steps


@pytest.mark.parametrize(
    ("pattern", "low", "high", "decided"),
    [
        ("(aa)*", 3, 3, False),
        ("(aa)*", 3, 4, True),
        ("(aaa)*b?", 1, 1, False),
        ("(aaa)*", 1, 3, True),
        ("a|aaaa", 2, 3, False),
    ],
)
def test_bounds_wider_than_any_gap_are_counted(pattern, low, high, decided):
    assert string_meter(compile_rust(pattern)).decides(low, high) == decided


def test_a_near_completion_is_found_without_a_table_of_all_rows_by_all_rows():
    """Of an automaton of 30,000 rows it took more than 4 GiB (fuzz 4000674)."""
    counted = Counted(string_meter(compile_rust("(a{2000})?b*")), 1, UNBOUNDED)
    assert counted.completion(START) == b'"b"'
    assert len(counted.meter.lengths(0)) < 100
    far = Counted(string_meter(compile_rust("(a{200})?")), 1, UNBOUNDED)
    assert far.completion(START) == b'"' + b"a" * 200 + b'"'


def test_far_bounds_are_no_rows():
    counted = Counted(string_meter(any_text()), 100_000, 200_000)
    assert len(counted.completion(START)) == 100_002
    assert counted.meter.dfa.rows < 40


@pytest.mark.parametrize(("low", "high", "empty"), [(3, 2, True), (0, 0, False), (6, 6, False), (7, 9, True)])
def test_bounds_that_nothing_meets(low, high, empty):
    assert Counted(string_meter(compile_rust("a{0,6}")), low, high).is_empty == empty


@given(automata(rows=4), st.data())
def test_a_meter_measures_any_costs(dfa: Dfa, data):
    costs = st.lists(st.integers(0, 1), min_size=dfa.step.shape[1], max_size=dfa.step.shape[1])
    cost = np.array([data.draw(costs) for _ in range(dfa.rows)], np.uint8)
    one = meter(dfa, cost)
    low = data.draw(st.integers(0, 4))
    high = data.draw(st.sampled_from([low, low + 1, low + 2, low + 4, UNBOUNDED]))
    if not one.decides(low, high):
        return
    counted = Counted(one, low, high)
    todo: list[tuple[int, int, int]] = [(int(START), int(START), 0)]  # packed, row, cost
    for _ in range(3):
        for packed, row, spent in todo:
            if packed != DEAD:
                assert alive(dfa, cost, row, spent, low, high) or packed == START
                assert (counted.label(packed) != REFUSES) == (dfa.label(row) != REFUSES and low <= spent <= high)
            elif row != DEAD:
                assert not alive(dfa, cost, row, spent, low, high)
        todo = [
            (counted.after(packed, byte), dfa.after(row, byte), spent + int(cost[row, dfa.classes[byte]]))
            for packed, row, spent in todo
            if packed != DEAD
            for byte in LETTERS
        ]


@given(automata(rows=4), st.data())
def test_the_cheapest_and_the_dearest_completions_of_all_rows(dfa: Dfa, data):
    costs = st.lists(st.integers(0, 1), min_size=dfa.step.shape[1], max_size=dfa.step.shape[1])
    cost = np.array([data.draw(costs) for _ in range(dfa.rows)], np.uint8)
    least, most = extremes(dfa.step, dfa.labels, cost, UNBOUNDED)
    for row in range(1, dfa.rows):
        # what is dearer than there are rows goes through a cycle that costs something
        possible = [spent for spent in range(2 * dfa.rows) if alive(dfa, cost, row, 0, spent, spent)]
        assert least[row] == min(possible, default=-1)
        assert most[row] == (UNBOUNDED if max(possible, default=-1) > dfa.rows else max(possible, default=-1))


def alive(dfa: Dfa, cost, row: int, spent: int, low: int, high: int) -> bool:
    """Can some completion end with a cost within the bounds?"""
    seen, todo = {(row, spent)}, [(row, spent)]
    for one, paid in todo:
        if dfa.label(one) != REFUSES and low <= paid <= high:
            return True
        for byte in LETTERS:
            more = min(paid + int(cost[one, dfa.classes[byte]]), 60 if high == UNBOUNDED else high + 1)
            after = (dfa.after(one, byte), more)
            if after[0] != DEAD and after not in seen:
                seen.add(after)
                todo.append(after)
    return False


@pytest.mark.parametrize(("low", "high"), [(0, 9), (2, 9), (0, 3), (1, UNBOUNDED)])
@pytest.mark.parametrize("pattern", ["(?s:.)*", "a*", "(a|éé)*"])
def test_masks_near_a_bound_and_far_from_it_are_what_is_allowed(pattern, low, high):
    spellings: list[bytes | None] = [b'"', b"a", b"aa", b"aaa", b'aa"', b'"a', "é".encode(), "éé".encode(), None]
    vocabulary = Vocabulary.from_spellings(spellings, [len(spellings) - 1])
    counted = Terminal(Counted(string_meter(compile_rust(pattern)), low, high))
    matcher = CompiledGrammar(Rule("text", ((counted,),)), vocabulary).matcher()
    for _ in range(14):
        allowed = [token for token in range(len(spellings)) if matcher.allows(token)]
        assert tokens_of(matcher.bitmask()) == allowed
        if not {0, 1} & {*allowed}:
            break
        matcher.advance(1 if 1 in allowed else 0)

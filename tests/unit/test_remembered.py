"""The memory for automata: results are found again, and never more is kept than fits."""

from collections import Counter

import numpy as np

from constrained.automata.dfa import Dfa
from constrained.automata.remembered import Memory


def table(rows: int) -> Dfa:
    return Dfa(np.zeros(256, np.uint8), np.zeros((rows, 1), np.int32), np.zeros(rows, np.int32))


def test_a_result_is_computed_once_for_the_same_arguments():
    calls: Counter[object] = Counter()

    def squared(number: int, *, plus: int = 0) -> int:
        calls[number, plus] += 1
        return number * number + plus

    again = Memory(1 << 20).remembered(squared)
    assert [again(3), again(3), again(3, plus=1), again(3, plus=1)] == [9, 9, 10, 10]
    assert set(calls.values()) == {1}


def test_what_is_asked_for_stays_and_what_is_not_goes():
    memory = Memory(200_000)
    calls: Counter[int] = Counter()

    def drawn(number: int) -> Dfa:
        calls[number] += 1
        return table(100)  # 6,900 bytes with what is derived from it

    draw = memory.remembered(drawn)
    for number in range(1000):
        draw(number)
        draw(0)
    assert calls[0] == 1
    draw(1)
    assert calls[1] == 2


def test_a_result_that_is_larger_than_half_the_memory_is_not_kept():
    calls: Counter[int] = Counter()

    def drawn(rows: int) -> Dfa:
        calls[rows] += 1
        return table(rows)

    draw = Memory(100_000).remembered(drawn)
    assert [draw(10).rows, draw(5_000).rows, draw(5_000).rows, draw(10).rows] == [10, 5_000, 5_000, 10]
    assert calls == {10: 1, 5_000: 2}

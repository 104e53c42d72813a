"""Many automata at once, against the few lines that say what that means."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from constrained.automata.dfa import REFUSES, Dfa
from constrained.automata.joint import behind, side_by_side
from constrained.automata.regex import compile_rust

PATTERNS = ["if", "i", "[a-z]+", "[a-f]+[0-9]?", "a*b", "fi?", "(ab)+", "[^a]", "[0-9]{1,300}", "", "(?s).*x", "a|bc"]
TEXTS = st.text("abfi0x", max_size=6).map(str.encode)


def rows_by_hand(parts, ordered, text):
    """The row of each part after `text`; all DEAD once none that counts is alive."""
    rows = [1] * len(parts)
    for byte in text:
        rows = [part.after(row, byte) for part, row in zip(parts, rows, strict=True)]
        ends = [part.label(row) != REFUSES for part, row in zip(parts, rows, strict=True)]
        first = ends.index(True) if any(ends[:ordered]) else ordered
        rows = [row if at <= first or at >= ordered else 0 for at, row in enumerate(rows)]
        rows = rows if any(rows[:ordered]) else [0] * len(parts)
    return rows


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=7), st.data(), st.lists(TEXTS, max_size=20))
def test_automata_side_by_side_are_each_where_they_would_be(patterns, data, texts):
    parts = [compile_rust(pattern) for pattern in patterns]
    ordered = data.draw(st.integers(1, len(parts)))
    classes, step, rows = side_by_side(parts, ordered, 50_000)
    assert rows[0].tolist() == [0] * len(parts)
    assert len({tuple(row) for row in rows.tolist()}) == len(rows)
    for text in texts:
        row = 1
        for byte in text:
            row = int(step[row, classes[byte]])
        assert rows[row].tolist() == rows_by_hand(parts, ordered, text)


def test_more_rows_than_wanted_are_not_made():
    parts = [compile_rust("[0-9]{1,300}"), compile_rust("(?s)[^x]*x{0,20}")]
    assert side_by_side(parts, 2, 30) is None
    assert len(side_by_side(parts, 2, 50_000)[1]) > 300


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(PATTERNS), TEXTS, st.lists(TEXTS, max_size=20))
def test_what_lies_behind_a_row_begins_with_a_way_to_one_that_ends(pattern, begin, texts):
    dfa = compile_rust(pattern)
    row = int(dfa.run(begin))
    step, labels = behind(dfa.step, dfa.labels != REFUSES, row)
    found = Dfa(dfa.classes, np.ascontiguousarray(step), labels)
    for text in texts:
        ends = [dfa.label(int(dfa.run(text[:cut], row))) != REFUSES for cut in range(1, len(text) + 1)]
        assert found.accepts(text) == any(ends)

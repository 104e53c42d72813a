"""Algebra on automata is algebra on sets of texts."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from constrained.automata import algebra, minimising, tables
from constrained.automata.dfa import DEAD, REFUSES, START, Dfa
from tests.support.automata import LENGTH, LETTERS, TEXTS, automata, language

labelled = automata(labels=3)


@given(labelled, labelled)
def test_intersection_is_labelled_by_the_left(a, b):
    both = algebra.intersect(a, b)
    both.check()
    right = language(b)
    assert language(both) == {text: label for text, label in language(a).items() if text in right}


@given(labelled, labelled)
def test_difference_is_labelled_by_the_left(a, b):
    only = algebra.difference(a, b)
    only.check()
    right = language(b)
    assert language(only) == {text: label for text, label in language(a).items() if text not in right}


@given(labelled, labelled)
def test_union_has_one_label(a, b):
    either = algebra.union(a, b)
    either.check()
    assert language(either) == dict.fromkeys({**language(a), **language(b)}, 0)


@given(labelled, labelled)
def test_concatenation_tries_every_cut(a, b):
    chained = algebra.concat(a, b)
    chained.check()
    left, right = language(a), language(b)
    expected: dict[bytes, int] = {}
    for text in TEXTS:
        cuts = [(text[:cut], text[cut:]) for cut in range(len(text) + 1)]
        labels = [right[end] for start, end in cuts if start in left and end in right]
        if labels:
            expected[text] = max(labels)
    assert language(chained) == expected


@given(st.lists(labelled, max_size=4))
def test_a_labelled_union_tells_who_matched(parts):
    whole, members = algebra.labelled_union(parts)
    whole.check()
    found = {text: members[label] for text, label in language(whole).items()}
    languages = [language(part) for part in parts]
    expected = {text: frozenset(index for index, one in enumerate(languages) if text in one) for text in TEXTS}
    assert found == {text: who for text, who in expected.items() if who}
    assert {label for label in whole.labels.tolist() if label != REFUSES} == set(range(len(members)))


@given(labelled)
def test_relabelling_drops_what_has_no_new_name(dfa):
    renamed = algebra.relabel(dfa, {0: 5, 1: REFUSES})
    renamed.check()
    assert language(renamed) == {text: 5 for text, label in language(dfa).items() if label == 0}
    assert language(algebra.plain(dfa)) == dict.fromkeys(language(dfa), 0)


@given(labelled, labelled)
def test_equal_languages_have_equal_tables(a, b):
    # Two minimal automata of at most 4 rows each that differ do so in a text of at most 7 letters.
    longer = [
        text + more for text in TEXTS[-(len(LETTERS) ** LENGTH) :] for more in (b"", b"a", b"b", b"c", b"ab", b"cc")
    ]
    same = language(a) == language(b) and all(a.label(a.run(text)) == b.label(b.run(text)) for text in longer)
    assert algebra.equivalent(a, b) <= same
    tables = [(one.dump(), one.labels.tolist(), one.classes.tolist()) for one in (a, b)]
    assert (tables[0] == tables[1]) == algebra.equivalent(a, b)


@given(automata(labels=2, rows=3), st.integers(0, 2**32))
def test_an_automaton_has_one_table_however_it_is_drawn(dfa, seed):
    order = np.random.default_rng(seed).permutation(np.arange(2, 2 * dfa.rows))
    place = np.concatenate([[0, 1], order])  # rows in another order, every row twice
    step, labels = np.zeros((2 * dfa.rows, 256), np.int32), np.zeros(2 * dfa.rows, np.int32)
    pick = np.random.default_rng(seed + 1).integers(0, 2, (2, dfa.rows, 256)) * (dfa.by_byte > 1)
    for copy in range(2):
        rows = place[np.arange(dfa.rows) + (copy * dfa.rows if copy else 0)]
        step[rows] = place[dfa.by_byte + pick[copy] * dfa.rows]
        labels[rows] = dfa.labels
    labels[0] = REFUSES
    again = algebra.from_table(step, labels)
    assert again.dump() == dfa.dump()
    np.testing.assert_array_equal(again.classes, dfa.classes)


@given(labelled)
def test_minimising_leaves_no_two_rows_alike(dfa):
    futures = {tuple(int(dfa.labels[dfa.run(text, row)]) for text in TEXTS) for row in range(dfa.rows) if row != START}
    assert len(futures) == dfa.rows - 1
    assert algebra.minimise(dfa).dump() == dfa.dump()


def lengths(wanted: set[int], many: int) -> Dfa:
    """Texts of a's whose length, modulo `many`, is wanted."""
    draw = algebra.Builder()
    rows = [draw.row(0 if length in wanted else REFUSES) for length in range(many)]
    for length, row in enumerate(rows):
        draw.edge(row, b"a", rows[(length + 1) % many])
    return draw.finish()


@given(st.integers(1, 40), st.integers(1, 41))
def test_products_of_many_pairs(many, more):
    a, b = lengths({0}, many), lengths({0, 1 % more}, more)
    products = algebra.intersect(a, b), algebra.difference(a, b), algebra.union(a, b)
    for one in products:
        one.check()
    rows = [START, START, START]
    for length in range(many * more):
        left, right = length % many == 0, length % more in {0, 1 % more}
        expected = left and right, left and not right, left or right
        assert tuple(one.label(row) != REFUSES for one, row in zip(products, rows, strict=True)) == expected
        rows = [one.run(b"a", row) for one, row in zip(products, rows, strict=True)]


@given(st.integers(1, 150), st.integers(0, 2**32))
def test_rows_that_differ_far_away_are_told_apart(most, seed):
    # b{0,most}c, every row twice: all rows are one byte from the end, and differ in how many bytes may come.
    pick = np.random.default_rng(seed)
    step, labels = np.zeros((2 * most + 5, 256), np.int32), np.full(2 * most + 5, REFUSES, np.int32)
    labels[[2, 3]] = 0
    for row in range(1, most + 1):
        for copy in (2 * row + 2, 2 * row + 3):
            step[copy, ord("c")] = pick.integers(2, 4)
            step[copy, ord("b")] = pick.integers(2 * row, 2 * row + 2) if row > 1 else DEAD
    step[START] = step[2 * most + 2]
    step[START, ord("b")] = pick.integers(2 * most + 2, 2 * most + 4)
    dfa = algebra.from_table(step, labels)
    dfa.check()
    assert dfa.rows == most + 3
    for length in range(most + 2):
        assert dfa.accepts(b"b" * length + b"c") == (length <= most)


@given(st.dictionaries(st.sampled_from(TEXTS), st.integers(0, 2), max_size=12))
def test_literals_are_exactly_the_texts(texts):
    for dfa in (algebra.literals(texts), algebra.literals(texts, minimal=False)):
        dfa.check()
        assert language(dfa) == texts


@given(st.binary(max_size=20) | st.permutations(range(256)).map(bytes))
def test_a_literal_is_canonical_without_minimising(text):
    dfa = algebra.literal(text)
    dfa.check()
    assert dfa.accepts(text)
    minimal = algebra.minimise(dfa)
    assert minimal.dump() == dfa.dump()
    np.testing.assert_array_equal(minimal.classes, dfa.classes)


@given(labelled)
def test_shortest_texts_are_shortest(dfa):
    for row in range(START, dfa.rows):
        found = algebra.shortest(dfa, row)
        accepted = [text for text in TEXTS if dfa.labels[dfa.run(text, row)] != REFUSES]
        assert found == (min(accepted, key=lambda text: (len(text), text)) if accepted else None)
        assert int(dfa.distance[row]) == (-1 if found is None else len(found))


@given(labelled)
def test_a_row_knows_what_it_reads(dfa):
    for row in range(dfa.rows):
        read = bytes(byte for byte in range(256) if dfa.run(bytes([byte]), row) != DEAD)
        assert dfa.reads(row) == read
        assert dfa.only_byte(row) == (read[0] if len(read) == 1 else -2 if read else -1)
        assert [dfa.after(row, byte) for byte in LETTERS] == [dfa.run(bytes([byte]), row) for byte in LETTERS]
        assert dfa.label(row) == dfa.labels[row]


@given(labelled)
def test_within_some_bytes(dfa):
    inside = algebra.within(dfa, frozenset(b"ab"))
    inside.check()
    assert language(inside) == {text: label for text, label in language(dfa).items() if b"c" not in text}


@given(st.integers(1, 6), st.integers(1, 3), st.data())
def test_any_table_becomes_canonical(rows, columns, data):
    step = np.array(
        [[0] * columns, *[[data.draw(st.integers(0, rows)) for _ in range(columns)] for _ in range(rows)]], np.int32
    )
    labels = np.array([REFUSES, *[data.draw(st.integers(REFUSES, 1)) for _ in range(rows)]], np.int32)
    classes = np.array([byte % columns for byte in range(256)], np.uint8)
    dfa = algebra.canonical(classes, step, labels)
    dfa.check()
    raw = Dfa(classes, step, labels)
    assert language(dfa) == language(raw)
    assert tables.reachable(dfa.step)[1:].all()
    assert LENGTH >= 5


@given(st.lists(st.lists(st.integers(0, 12), min_size=2, max_size=2), min_size=1, max_size=9), st.data())
def test_rows_that_lead_to_later_ones_alone_are_merged_by_what_they_accept(cells, data):
    rows = len(cells) + 1
    later = [[cell if row < cell < rows else DEAD for cell in some] for row, some in enumerate(cells, start=1)]
    labels = data.draw(st.lists(st.sampled_from([REFUSES, 0, 1]), min_size=rows - 1, max_size=rows - 1))
    step, names = np.array([[DEAD, DEAD], *later], np.int32), np.array([REFUSES, *labels], np.int32)
    accepted = [set[tuple[str, int]]() for _ in range(rows)]
    for row in range(rows - 1, 0, -1):
        accepted[row] |= {("", int(names[row]))} - {("", REFUSES)}
        for letter, to in zip("ab", step[row], strict=True):
            accepted[row] |= {(letter + text, label) for text, label in accepted[to]}
    block = minimising.partition(step, names).tolist()
    assert all((block[a] == block[b]) == (accepted[a] == accepted[b]) for a in range(rows) for b in range(rows))

"""The kernels of a walk agree with its definition in five lines.

allowed(row) = {token : run(bytes(token), row) is not DEAD}
exits(row)   = {node  : run(path(node), row) accepts, and there are nodes below}
"""

from functools import cached_property

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from constrained.automata import minimising, walk, walk_beside, walk_each
from constrained.automata.algebra import difference, literals, union
from constrained.automata.chosen import Chosen, Texts
from constrained.automata.counted import UNBOUNDED, Counted, Meter, meter
from constrained.automata.dfa import DEAD, MANY, NONE, REFUSES, START, Dfa
from constrained.automata.lift import any_string, json_string
from constrained.automata.regex import compile_rust
from constrained.vocabulary.trie import ROOT, Trie, build
from tests.support.automata import LETTERS, automata
from tests.support.grammars import tokens_of

spellings = st.lists(st.lists(st.sampled_from(LETTERS), max_size=5).map(bytes), min_size=1, max_size=40)

NUMBERS = compile_rust("[0-9]+")  # no row of which is like the inside of a string
BESIDE = [
    any_string(),
    difference(any_string(), literals([b'"ab"', b'"a9"', '"é"'.encode()])),
    difference(any_string(), literals([b'""'])),
    union(any_string(), literals([b"null", b"0"])),
    json_string(compile_rust("(?s:a.*|b.*)")),
    json_string(compile_rust("(?s:[^a].*9|a.*)")),
    json_string(compile_rust("[ab9 ]{7}|[a-z]{9}")),
    json_string(compile_rust("([ab]+ ){0,5}[ab]+")),
    NUMBERS,
]


class Walked:
    """A trie with room for a walk over it."""

    def __init__(self, spellings: list[bytes], room: int | None = None) -> None:
        self.trie = build(spellings)
        self.texts = {int(token): self.trie.path(node) for node, token in enumerate(self.trie.token) if token >= 0}
        self.words = np.zeros(-(-len(spellings) // 32), np.uint32)
        size = max(1, 40 * self.trie.nodes) if room is None else room
        self.exits, self.labels = np.zeros(size, np.int32), np.zeros(size, np.int32)
        self.path, self.counts = (np.zeros(self.trie.max_depth + 2, np.int32) for _ in range(2))

    @cached_property
    def arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.int16], NDArray[np.int32], NDArray[np.int32]]:
        return self.trie.byte, self.trie.depth, self.trie.skip, self.trie.token

    def below(self, nodes: list[int]) -> list[tuple[int, bytes]]:
        """The nodes strictly below `nodes`, with their path from there; one entry for each way."""
        found = []
        for start in nodes:
            base = b"" if start == ROOT else self.trie.path(start)
            end = self.trie.nodes if start == ROOT else int(self.trie.skip[start])
            found += [(node, self.trie.path(node)[len(base) :]) for node in range(start + 1, end)]
        return found

    def leads_on(self, node: int) -> bool:
        return int(self.trie.skip[node]) > node + 1


def starts(draw: st.DrawFn, trie: Trie) -> list[int]:
    return sorted(draw(st.sets(st.integers(ROOT, trie.nodes - 1), min_size=1, max_size=4)))


@given(automata(labels=3), spellings, st.data())
def test_a_walk_finds_what_passes_and_where_it_ends(dfa: Dfa, spellings, data):
    walked = Walked(spellings)
    node = data.draw(st.integers(ROOT, walked.trie.nodes - 1))
    row = data.draw(st.integers(START, dfa.rows - 1))
    table = dfa.classes, dfa.step, dfa.labels, row
    found = walk.below(*walked.arrays, node, *table, walked.words, walked.path, walked.exits, walked.labels, 0)
    check_walk(walked, node, found, lambda text: dfa.run(text, row), dfa.label)


def check_walk(walked: Walked, node: int, found: int, run, label) -> None:
    """What a kernel has found below a node is what the definition says."""
    rows = [(below, run(text)) for below, text in walked.below([node])]
    token = walked.trie.token
    assert set(tokens_of(walked.words)) == {int(token[n]) for n, r in rows if r != DEAD and token[n] >= 0}
    expected = [(n, label(r)) for n, r in rows if r != DEAD and label(r) != REFUSES and walked.leads_on(n)]
    assert list(zip(walked.exits[:found].tolist(), walked.labels[:found].tolist(), strict=True)) == expected


@given(automata(labels=2), spellings, st.integers(0, 5))
def test_a_walk_without_room_says_so(dfa, spellings, room):
    walked, ample = Walked(spellings, room), Walked(spellings)
    for one in (walked, ample):
        table = dfa.classes, dfa.step, dfa.labels, START
        one.found = walk.below(*one.arrays, ROOT, *table, one.words, one.path, one.exits, one.labels, 0)
    assert walked.found == (ample.found if ample.found <= room else walk.FULL)


@given(st.sets(st.lists(st.sampled_from(LETTERS), min_size=1, max_size=4).map(bytes), min_size=1), spellings, st.data())
def test_a_walk_among_chosen_texts(texts, spellings, data):
    among = Texts(texts)
    chosen = Chosen(among, data.draw(st.frozensets(st.integers(0, len(texts) - 1), min_size=1)))
    walked = Walked(spellings)
    node = data.draw(st.integers(ROOT, walked.trie.nodes - 1))
    row = data.draw(st.sampled_from([row for row in range(START, among.dfa.rows) if chosen.ahead(row)]))
    table = among.dfa.classes, among.dfa.step, among.dfa.labels, among.first, among.last, chosen.before, row
    found = walk.below_chosen(*walked.arrays, node, *table, walked.words, walked.path, walked.exits, walked.labels, 0)
    check_walk(walked, node, found, lambda text: after(chosen, row, text), chosen.label)


@st.composite
def meters(draw: st.DrawFn) -> Meter:
    dfa = draw(automata(labels=2))
    costs = st.lists(st.integers(0, 1), min_size=dfa.step.shape[1], max_size=dfa.step.shape[1])
    return meter(dfa, np.array([draw(costs) for _ in range(dfa.rows)], np.uint8))


@given(st.lists(st.binary(min_size=1, max_size=3), min_size=1, max_size=5, unique=True), st.data())
def test_chosen_texts_know_what_a_row_can_read(texts, data):
    among = Texts(texts)
    chosen = Chosen(among, data.draw(st.frozensets(st.integers(0, len(texts) - 1), min_size=1)))
    for row in range(START, among.dfa.rows):
        reads = chosen.reads(row)
        assert chosen.only_byte(row) == (reads[0] if len(reads) == 1 else MANY if reads else NONE)
    assert chosen.begins == bool(chosen.reads(START))


def after(automaton: Counted | Chosen, row: int, text: bytes) -> int:
    for byte in text:
        row = automaton.after(row, byte) if row != DEAD else DEAD
    return row


@given(meters(), st.integers(0, 4), st.sampled_from([0, 1, 3, UNBOUNDED]), spellings, st.data())
def test_a_counted_walk_counts(one: Meter, low, more, spellings, data):
    counted = Counted(one, low, min(UNBOUNDED, low + more))
    walked = Walked(spellings)
    node = data.draw(st.integers(ROOT, walked.trie.nodes - 1))
    packed = after(counted, START, data.draw(st.lists(st.sampled_from(LETTERS), max_size=4).map(bytes)))
    if packed == DEAD or not one.decides(counted.low, counted.high):
        return
    found = walk.below_counted(
        *walked.arrays, node, one.dfa.classes, one.dfa.step, one.dfa.labels, one.cost, one.least, one.most,
        counted.low, counted.high, *counted.split(packed),
        walked.words, walked.path, walked.counts, walked.exits, walked.labels, 0,
    )  # fmt: skip
    check_walk(walked, node, found, lambda text: after(counted, packed, text), counted.label)


@given(meters(), st.integers(0, 4), st.sampled_from([0, 1, 3, 8, UNBOUNDED]), spellings, st.data())
def test_a_counted_walk_beside_one_without_bounds_finds_the_same(one: Meter, low, more, spellings, data):
    dfa, high = one.dfa, min(UNBOUNDED, low + more)
    row = data.draw(st.integers(START, dfa.rows - 1))
    free, alone = Walked(spellings), Walked(spellings)
    table, costs = (dfa.classes, dfa.step, dfa.labels), (one.cost, one.least, one.most)
    known = walk.below(*free.arrays, ROOT, *table, row, free.words, free.path, free.exits, free.labels, 0)
    left = alone.words, alone.path, alone.counts, alone.exits, alone.labels
    expected = walk.below_counted(*alone.arrays, ROOT, *table, *costs, low, high, row, 0, *left, 0)
    before, exits = set(tokens_of(free.words)), np.zeros_like(free.exits)
    found, refused = walk_beside.counted(
        *free.arrays, *table, *costs, row, low, high, one.reach(0), walk_beside.heights(free.trie.skip),
        walk_each.groups_below(free.trie.byte, free.trie.skip, walk_each.GROUPS), one.ending,
        free.exits[:known], free.words, free.path, free.counts, exits,
    )  # fmt: skip
    np.testing.assert_array_equal(free.words, alone.words)
    assert exits[:found].tolist() == alone.exits[:expected].tolist()
    assert bool(refused) >= bool(before - set(tokens_of(free.words)))


@given(spellings, st.lists(st.lists(st.sampled_from(LETTERS), max_size=4).map(bytes), max_size=4), st.data())
def test_tokens_around_texts_begin_or_complete_them(spellings, texts, data):
    walked = Walked(spellings)
    nodes = starts(data.draw, walked.trie)
    first = np.zeros(len(texts) + 1, np.int32)
    np.cumsum([len(text) for text in texts], out=first[1:])
    text = np.frombuffer(bytearray(b"".join(texts)), np.uint8)
    walk.set_around(*walked.arrays, np.array(nodes, np.int32), text, first, walked.words)
    expected = {
        int(walked.trie.token[node])
        for node, path in walked.below(nodes)
        if any(path.startswith(one) or one.startswith(path) for one in texts)
    }
    expected |= {int(walked.trie.token[node]) for node in nodes if b"" in texts and node != ROOT}
    if b"" not in texts or ROOT not in nodes:
        assert set(tokens_of(walked.words)) == expected - {-1}


@given(spellings, st.lists(st.lists(st.sampled_from(LETTERS), max_size=4).map(bytes), max_size=4), st.data())
def test_texts_are_found_below_nodes(spellings, texts, data):
    walked = Walked(spellings)
    nodes = starts(data.draw, walked.trie)
    first = np.zeros(len(texts) + 1, np.int32)
    np.cumsum([len(text) for text in texts], out=first[1:])
    text = np.frombuffer(bytearray(b"".join(texts)), np.uint8)
    found = np.zeros(len(nodes) * len(texts), np.int32)
    count = walk.find_below(*walked.arrays[::2], np.array(nodes, np.int32), text, first, found)
    expected = [walked.trie.find(text, node) for node in nodes for text in texts]
    assert found[:count].tolist() == [node for node in expected if node >= 0]


@given(spellings, st.data())
def test_all_tokens_below_nodes(spellings, data):
    walked = Walked(spellings)
    nodes = [node for node in starts(data.draw, walked.trie) if node != ROOT]
    walk.set_below(walked.trie.skip, walked.trie.token, np.array(nodes, np.int32), walked.words)
    expected = {int(walked.trie.token[node]) for node, _ in walked.below(nodes)}
    assert set(tokens_of(walked.words)) == expected - {-1}


@given(spellings, st.lists(st.sampled_from(LETTERS), max_size=9).map(bytes))
def test_the_fewest_tokens(spellings, text):
    trie = build(spellings)
    found = walk.fewest_tokens(trie.byte, trie.skip, trie.token, np.frombuffer(bytearray(text), np.uint8)).tolist()

    def fewest(place: int) -> int:
        ends = [place + len(one) for one in spellings if one and text.startswith(one, place)]
        return min((1 + fewest(end) for end in ends), default=100) if place < len(text) else 0

    for place, (token, needed, behind) in enumerate(zip(*found, strict=True)):
        if place == len(text):
            assert (token, needed, behind) == (-1, 0, -1)
        elif token < 0:
            assert fewest(place) >= 100
            assert (needed, behind) == (-1, -1)
        else:
            assert (needed, behind) == (fewest(place), place + len(spellings[token]))
            assert text.startswith(spellings[token], place)
            assert 1 + fewest(place + len(spellings[token])) == fewest(place)


@given(st.sets(st.integers(0, 99)))
def test_bits_are_set(allowed):
    words = np.zeros(4, np.uint32)
    walk.set_bits(words, np.array(sorted(allowed), np.int32))
    assert set(tokens_of(words)) == allowed


@given(st.lists(st.integers(0, 99), min_size=2, max_size=40, unique=True), st.sets(st.integers(0, 99)))
def test_partners_are_equated(tokens, allowed):
    words = np.zeros(4, np.uint32)
    walk.set_bits(words, np.array(sorted(allowed), np.int32))
    pairs = np.array(tokens[: len(tokens) // 2 * 2], np.int32).reshape(-1, 2)
    walk.copy_bits(words, pairs)
    copied = {int(other) for one, other in pairs if one in allowed}
    assert set(tokens_of(words)) == allowed - set(pairs[:, 1].tolist()) | copied


@given(spellings, st.data())
def test_tokens_at_and_below_nodes_are_cleared(spellings, data):
    walked = Walked(spellings)
    nodes = [node for node in starts(data.draw, walked.trie) if node != ROOT]
    walked.words[:] = 0xFFFFFFFF
    walk.clear_from(walked.trie.skip, walked.trie.token, np.array(nodes, np.int32), walked.words)
    cleared = {int(walked.trie.token[node]) for start in nodes for node in range(start, int(walked.trie.skip[start]))}
    assert set(tokens_of(walked.words)) == set(range(32 * len(walked.words))) - cleared


@given(automata(), st.lists(st.text('ab"\\ 09é', max_size=5).map(str.encode), min_size=1, max_size=40), st.data())
def test_a_wide_row_starts_from_the_tokens_that_keep_to_it(dfa, spellings, data):
    free = data.draw(st.sampled_from([any_string(), compile_rust("[a-z ]+[0-9]?"), compile_rust("[^0-9]*0"), dfa]))
    row = data.draw(st.integers(START, free.rows - 1))
    walked = Walked(spellings)
    before, after = walked.words, np.zeros_like(walked.words)
    rest = walked.path, walked.exits, walked.labels
    tables = free.classes, free.step, free.labels, row
    found = walk.below(*walked.arrays, ROOT, *tables, before, *rest, 0)
    exits = walked.exits[:found].tolist(), walked.labels[:found].tolist()
    within = walk_each.loops(*tables, walk_each.GROUPS)
    byte, _, skip, token = walked.arrays
    walk_each.set_within(byte, skip, token, walk_each.GROUPS, within, after)
    below = walk_each.groups_below(byte, skip, walk_each.GROUPS)
    assert walk_each.wide(*walked.arrays, *tables, after, *rest, walk_each.GROUPS, below, within) == found
    np.testing.assert_array_equal(after, before)
    assert (walked.exits[:found].tolist(), walked.labels[:found].tolist()) == exits


@given(
    st.lists(st.text('ab"\\ 09é', max_size=5).map(str.encode), min_size=1, max_size=40),
    st.sampled_from(BESIDE) | automata(labels=3),
    st.data(),
)
def test_a_walk_beside_a_known_one_finds_the_same(spellings, one, data):
    row = data.draw(st.integers(START, one.rows - 1))
    known, begins = any_string(), any_string().after(START, ord('"'))
    tables, like = (one.classes, one.step, one.labels, row), np.zeros(one.rows, np.int32)
    far = np.full(one.rows, walk_beside.FOREVER, np.int32)
    if not walk_beside.likeness(*tables, known.classes, known.step, known.labels, begins, like):
        known, begins = one, data.draw(st.integers(START, one.rows - 1))
        walk_beside.agreement(*tables, begins, like, far)
    alone, beside, other = (Walked(spellings) for _ in range(3))
    for walked, dfa, begin in ((alone, one, row), (other, known, begins)):
        table = dfa.classes, dfa.step, dfa.labels, begin
        left = walked.words, walked.path, walked.exits, walked.labels
        walked.found = walk.below(*walked.arrays, ROOT, *table, *left, 0)
    found = walk_beside.beside(
        *beside.arrays, *tables, known.classes, known.step, begins, like, far, known is one,
        walk_beside.heights(beside.trie.skip),
        other.exits[: other.found], other.labels[: other.found],
        other.words, beside.path, beside.counts, beside.exits, beside.labels,
    )  # fmt: skip
    assert found == alone.found
    np.testing.assert_array_equal(other.words, alone.words)
    for left, right in ((beside.exits, alone.exits), (beside.labels, alone.labels)):
        assert left[:found].tolist() == right[:found].tolist()


@given(st.sampled_from(BESIDE) | automata(labels=3), st.data())
def test_rows_agree_on_texts_that_are_short_enough(dfa, data):
    row, beside = (data.draw(st.integers(START, dfa.rows - 1)) for _ in range(2))
    like, far = np.zeros(dfa.rows, np.int32), np.zeros(dfa.rows, np.int32)
    walk_beside.agreement(dfa.classes, dfa.step, dfa.labels, row, beside, like, far)
    assert like[row] == beside
    for one in range(dfa.rows):
        pairs = {(one, int(like[one]))}
        for _ in range(min(int(far[one]), 5) + 1):
            assert all(
                (left == DEAD) == (right == DEAD) and dfa.labels[left] == dfa.labels[right] for left, right in pairs
            )
            pairs = {pair for left, right in pairs for pair in zip(dfa.step[left], dfa.step[right], strict=True)}


@pytest.mark.parametrize("trie", [build([b"a", b"abc", b"ab", b"b", b"cdef"]), build([])])
def test_the_height_of_a_node_is_that_of_the_longest_way_on(trie):
    found = walk_beside.heights(trie.skip).tolist()
    for node in range(trie.nodes):
        assert found[node] == max(trie.depth[node : trie.skip[node]]) - trie.depth[node]


@pytest.mark.parametrize("dfa", [BESIDE[place] for place in (0, 1, 2, 3, 4, 5)])
def test_rows_are_alike_that_accept_the_same_texts(dfa):
    known, begins = any_string(), any_string().after(START, ord('"'))
    both = np.zeros((dfa.rows + known.rows, 256), np.int32)  # in one table, minimised by other means
    both[: dfa.rows], both[dfa.rows :] = dfa.by_byte, np.where(known.by_byte == DEAD, 0, known.by_byte + dfa.rows)
    block = minimising.partition(both, np.concatenate([dfa.labels, known.labels]))
    alike = 0
    for row in range(START, dfa.rows):
        like = np.zeros(dfa.rows, np.int32)
        from_row = dfa.classes, dfa.step, dfa.labels, row
        if walk_beside.likeness(*from_row, known.classes, known.step, known.labels, begins, like):
            alike += 1
            assert all(block[one] == block[dfa.rows + other] for one, other in enumerate(like) if other > 0)
        else:
            assert block[row] != block[dfa.rows + begins]
    assert alike

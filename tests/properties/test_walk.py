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

from constrained.automata import tables, walk, walk_beside, walk_each
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
    NUMBERS,
]


class Walked:
    """A trie with room for a walk over it."""

    def __init__(self, spellings: list[bytes], room: int | None = None) -> None:
        self.trie = build(spellings)
        self.texts = {int(token): self.trie.path(node) for node, token in enumerate(self.trie.token) if token >= 0}
        self.words = np.zeros(-(-len(spellings) // 32), np.uint32)
        size = max(1, 40 * self.trie.nodes) if room is None else room
        self.exits, self.labels, self.costs = (np.zeros(size, np.int32) for _ in range(3))
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


@given(meters(), spellings, st.data())
def test_a_profile_knows_what_each_token_costs(one: Meter, spellings, data):
    dfa, walked = one.dfa, Walked(spellings)
    row = data.draw(st.integers(START, dfa.rows - 1))
    tokens, cheapest, dearest = (np.zeros(walked.trie.nodes, np.int32) for _ in range(3))
    passed, found = walk.profile(
        *walked.arrays, dfa.classes, dfa.step, dfa.labels, one.cost, one.least, one.most, row,
        walked.path, walked.counts, tokens, cheapest, dearest, walked.exits, walked.labels, walked.costs,
    )  # fmt: skip
    expected_tokens, expected_exits = [], []
    for node, text in walked.below([ROOT]):
        here, cost = row, 0
        for byte in text:
            here, cost = dfa.after(here, byte), cost + int(one.cost[here, dfa.classes[byte]])
        if here != DEAD and walked.trie.token[node] >= 0:
            expected_tokens.append(
                (int(walked.trie.token[node]), cost + int(one.least[here]), cost + int(one.most[here]))
            )
        if dfa.label(here) != REFUSES and walked.leads_on(node):
            expected_exits.append((node, dfa.label(here), cost))
    assert (
        list(zip(*(array[:passed].tolist() for array in (tokens, cheapest, dearest)), strict=True)) == expected_tokens
    )
    exits = (walked.exits, walked.labels, walked.costs)
    assert list(zip(*(array[:found].tolist() for array in exits), strict=True)) == expected_exits


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
    chosen = walk.fewest_tokens(trie.byte, trie.skip, trie.token, np.frombuffer(bytearray(text), np.uint8)).tolist()

    def fewest(place: int) -> int:
        ends = [place + len(one) for one in spellings if one and text.startswith(one, place)]
        return min((1 + fewest(end) for end in ends), default=100) if place < len(text) else 0

    for place, token in enumerate(chosen):
        if token < 0:
            assert fewest(place) >= 100
        else:
            assert text.startswith(spellings[token], place)
            assert 1 + fewest(place + len(spellings[token])) == fewest(place)


@given(st.sets(st.integers(0, 99)), st.sets(st.integers(0, 99)))
def test_bits_are_set_and_cleared(allowed, forbidden):
    words = np.zeros(4, np.uint32)
    walk.set_bits(words, np.array(sorted(allowed), np.int32))
    walk.clear_bits(words, np.array(sorted(forbidden), np.int32))
    assert set(tokens_of(words)) == allowed - forbidden


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
    if not walk_beside.likeness(*tables, known.classes, known.step, known.labels, begins, like):
        known, begins, like = one, data.draw(st.integers(START, one.rows - 1)), np.arange(one.rows, dtype=np.int32)
    alone, beside, other = (Walked(spellings) for _ in range(3))
    for walked, dfa, begin in ((alone, one, row), (other, known, begins)):
        table = dfa.classes, dfa.step, dfa.labels, begin
        left = walked.words, walked.path, walked.exits, walked.labels
        walked.found = walk.below(*walked.arrays, ROOT, *table, *left, 0)
    found = walk_beside.beside(
        *beside.arrays, *tables, known.classes, known.step, begins, like,
        other.exits[: other.found], other.labels[: other.found],
        other.words, beside.path, beside.counts, beside.exits, beside.labels,
    )  # fmt: skip
    assert found == alone.found
    np.testing.assert_array_equal(other.words, alone.words)
    for left, right in ((beside.exits, alone.exits), (beside.labels, alone.labels)):
        assert left[:found].tolist() == right[:found].tolist()


@pytest.mark.parametrize("dfa", [one for one in BESIDE if one is not NUMBERS])
def test_rows_are_alike_that_accept_the_same_texts(dfa):
    known, begins = any_string(), any_string().after(START, ord('"'))
    both = np.zeros((dfa.rows + known.rows, 256), np.int32)  # in one table, minimised by other means
    both[: dfa.rows], both[dfa.rows :] = dfa.by_byte, np.where(known.by_byte == DEAD, 0, known.by_byte + dfa.rows)
    block = tables.partition(both, np.concatenate([dfa.labels, known.labels]))
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

"""The flat trie against its definition: the set of all prefixes, in order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from constrained.errors import VocabularyError
from constrained.vocabulary.trie import ABSENT, NO_TOKEN, ROOT, Trie, build

# Few letters, so that prefixes are shared and spellings repeat; the bytes at both ends among them.
LETTERS = st.sampled_from([b"\0", b"a", b"b", b"\x80", b"\xff"])
SPELLINGS = st.lists(st.none() | st.lists(LETTERS, max_size=6).map(b"".join), max_size=40)


def nodes_by_definition(spellings: list[bytes | None]) -> list[tuple[bytes, int]]:
    """Every prefix of every spelling, in order, with the lowest id that is spelled exactly so."""
    texts = [text for text in spellings if text]
    prefixes = {text[:length] for text in texts for length in range(1, len(text) + 1)}
    return [(text, spellings.index(text) if text in texts else NO_TOKEN) for text in sorted(prefixes)]


def nodes(trie: Trie) -> list[tuple[bytes, int]]:
    return [(trie.path(node), int(trie.token[node])) for node in range(trie.nodes)]


@given(SPELLINGS)
def test_nodes_are_the_prefixes_in_order(spellings):
    trie = build(spellings)
    trie.check()
    assert nodes(trie) == nodes_by_definition(spellings)
    assert trie.max_depth == max((len(text) for text in spellings if text), default=0)


@given(SPELLINGS)
def test_skip_leads_past_everything_that_starts_with_the_node(spellings):
    trie = build(spellings)
    paths = [path for path, _ in nodes(trie)]
    for node, path in enumerate(paths):
        below = [other for other in range(node, len(paths)) if paths[other].startswith(path)]
        assert trie.skip[node] == below[-1] + 1


@given(SPELLINGS)
def test_every_id_is_at_its_node_or_among_the_duplicates(spellings):
    trie = build(spellings)
    first = {text: spellings.index(text) for text in spellings if text}
    repeated = [(first[text], token) for token, text in enumerate(spellings) if text and first[text] != token]
    assert sorted(map(tuple, trie.duplicates.tolist())) == sorted(repeated)


@given(SPELLINGS, st.lists(LETTERS, max_size=4).map(b"".join), st.lists(LETTERS, max_size=4).map(b"".join))
def test_finds_what_is_there_from_any_node(spellings, head, tail):
    trie = build(spellings)
    paths = {b"": ROOT} | {path: node for node, (path, _) in enumerate(nodes(trie))}
    node = trie.find(head)
    assert node == paths.get(head, ABSENT)
    if head in paths:
        assert trie.find(tail, node) == paths.get(head + tail, ABSENT)


def test_arrays_are_what_kernels_are_compiled_for():
    trie = build([b"a", b"abc", b"b", b"a"])
    types = {"byte": np.uint8, "depth": np.int16, "skip": np.int32, "token": np.int32, "duplicates": np.int32}
    for name, kind in types.items():
        array = getattr(trie, name)
        assert array.dtype == kind
        assert array.flags.c_contiguous
        assert array.flags.writeable


def test_dump_is_the_picture_of_the_module():
    assert build([b"a", b"abc", b"b", b"a"]).dump() == "\n".join(
        ["  0: b'a' = 0", "  1:   b'b'", "  2:     b'c' = 1", "  3: b'b' = 2"]
    )


def test_a_token_longer_than_the_depth_can_count_is_refused():
    assert build([b"x" * 32_767]).max_depth == 32_767
    with pytest.raises(VocabularyError, match="32768 bytes"):
        build([b"x" * 32_768])

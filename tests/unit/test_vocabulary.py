"""Vocabularies made by hand: which ids are text, control, end, unused."""

import pytest

from constrained import Vocabulary, VocabularyError

SPELLINGS = [b"a", b' {"', None, b"\xc3", None, None]  # as drawn in constrained/vocabulary/vocabulary.py


def made(**changes):
    return Vocabulary.from_spellings(
        **{"spellings": SPELLINGS, "eos_token_ids": [4], "control": {"<tool_call>": 2}, **changes}
    )


def test_knows_what_each_id_is():
    vocabulary = made()
    assert vocabulary.size == 6
    assert vocabulary.words == 1
    assert vocabulary.spellings == tuple(SPELLINGS)
    assert vocabulary.eos_token_ids == (4,)
    assert dict(vocabulary.control) == {"<tool_call>": 2}
    assert vocabulary.alphabet == {0x61, 0xC3}
    assert vocabulary.trie.find(b' {"') != -1
    assert vocabulary.encode is None


@pytest.mark.parametrize(("size", "words"), [(31, 1), (32, 1), (33, 2), (64, 2), (65, 3)])
def test_a_mask_has_a_bit_for_every_id(size, words):
    assert made(spellings=[b"a"] * size).words == words


@pytest.mark.parametrize("spelled", [b"</s>", b"<tool_call>"])
def test_end_and_control_tokens_are_not_reached_by_their_bytes(spelled):
    vocabulary = made(spellings=[b"a", b"b", b"<tool_call>", b"c", b"</s>"])
    assert vocabulary.spellings == (b"a", b"b", None, b"c", None)
    assert vocabulary.trie.find(spelled) == -1


def test_several_end_tokens_are_kept_once_each_in_order():
    assert made(eos_token_ids=[5, 4, 5]).eos_token_ids == (4, 5)


def test_empty_spellings_are_unused_ids():
    assert made(spellings=[b"", b"a", None, b"", None]).spellings == (None, b"a", None, None, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"eos_token_ids": []}, "no token ends a text"),
        ({"eos_token_ids": [6]}, r"end token has id 6, outside of 0\.\.5"),
        ({"eos_token_ids": [-1]}, "end token has id -1"),
        ({"control": {"<a>": 9}}, "control token '<a>' has id 9"),
    ],
)
def test_ids_that_are_not_there_are_refused(changes, message):
    with pytest.raises(VocabularyError, match=message):
        made(**changes)


@pytest.mark.parametrize(
    ("ids", "text"), [([0, 1, 0], b'a {"a'), ([], b""), ([0, 2], None), ([4], None), ([5], None), ([3], b"\xc3")]
)
def test_spells_ids_unless_one_is_not_text(ids, text):
    assert made().spell(ids) == text


def test_the_fingerprint_changes_with_everything_that_a_mask_depends_on():
    changes = [
        {},
        {"spellings": [b"b", *SPELLINGS[1:]]},
        {"spellings": [*SPELLINGS, None]},
        {"spellings": [b"a ", b'{"', *SPELLINGS[2:]]},
        {"eos_token_ids": [5]},
        {"control": {"<tool_call>": 5}},
        {"control": {"<tool>": 2}},
        {"control": {}},
    ]
    assert len({made(**change).fingerprint for change in changes}) == len(changes)
    assert made().fingerprint == made().fingerprint


def test_is_printed_in_one_short_line():
    assert repr(made()).startswith("Vocabulary(size=6, eos_token_ids=(4,), control=1 tokens, fingerprint=")

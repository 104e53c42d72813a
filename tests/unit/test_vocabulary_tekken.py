"""Mistral's tekken.json, on a file small enough to read."""

import base64
import json

import pytest

from constrained import Vocabulary, VocabularyError

RANKS = [*(bytes([byte]) for byte in range(256)), b"ab", b" ab", b"abab", b"never"]
LISTED = [{"rank": 0, "token_str": "<unk>"}, {"rank": 2, "token_str": "</s>"}, {"rank": 3, "token_str": "[THINK]"}]


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.setenv("CONSTRAINED_CACHE", "off")

    def write(size=5 + 259, controls=5, **sections):
        vocab = [{"rank": rank, "token_bytes": base64.b64encode(text).decode()} for rank, text in enumerate(RANKS)]
        config = {"pattern": r" ?\w+|\s+|.", "default_vocab_size": size, "default_num_special_tokens": controls}
        path = tmp_path / "tekken.json"
        path.write_text(json.dumps({"config": config, "vocab": vocab, **sections}))
        return path

    return write


def test_control_tokens_come_first_and_bytes_by_rank_behind_them(write):
    vocabulary = Vocabulary.from_tokenizer_file(write(special_tokens=LISTED))
    assert vocabulary.spellings[:6] == (None, None, None, None, None, b"\0")
    assert vocabulary.spellings[5 + 256 :] == (b"ab", b" ab", b"abab")
    assert dict(vocabulary.control) == {"<unk>": 0, "<SPECIAL_1>": 1, "</s>": 2, "[THINK]": 3, "<SPECIAL_4>": 4}


def test_control_tokens_that_are_not_listed_have_their_old_names(write):
    control = Vocabulary.from_tokenizer_file(write(size=25 + 259, controls=25)).control
    assert len(control) == 25
    assert (control["</s>"], control["[TOOL_CALLS]"], control["<SPECIAL_20>"]) == (2, 9, 20)


def test_the_end_is_known_and_can_be_replaced(write):
    path = write(special_tokens=LISTED)
    assert Vocabulary.from_tokenizer_file(path).eos_token_ids == (2,)
    assert Vocabulary.from_tokenizer_file(path, eos_token_ids=[3, 2]).eos_token_ids == (2, 3)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("ab", [b"ab"]),
        ("x ab", [b"x", b" ab"]),
        ("abab", [b"abab"]),
        ("ababab", [b"abab", b"ab"]),
        ("aab", [b"a", b"ab"]),
        ("é", [b"\xc3", b"\xa9"]),
        ("</s>", [b"<", b"/", b"s", b">"]),
        ("", []),
    ],
)
def test_pairs_of_the_lowest_rank_merge_first(write, text, spelled):
    vocabulary = Vocabulary.from_tokenizer_file(write(special_tokens=LISTED))
    assert [vocabulary.spellings[token] for token in vocabulary.encode(text)] == spelled


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"size": 5 + 261}, "266 ids with 5 control tokens do not fit"),
        ({"special_tokens": [{"rank": 5, "token_str": "<far>"}]}, "do not fit"),
        ({"special_tokens": []}, "no token '</s>'"),
    ],
)
def test_numbers_that_do_not_fit_together_are_refused(write, sections, message):
    with pytest.raises(VocabularyError, match=message):
        Vocabulary.from_tokenizer_file(write(**sections))

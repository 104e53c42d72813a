"""What the tokens of each kind of tokenizer spell, shown on tokenizers small enough to read."""

import json

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

from constrained import Vocabulary, VocabularyError
from constrained.vocabulary.spelling import is_markup, read_tokens

BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(256)]
TEXTS = ["", "ab", " ab", '{"ab"', "a  b ", "\n\n\tb", "é😀", "\x00\x7f", "ab\n{ab"]


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch):
    monkeypatch.setenv("CONSTRAINED_CACHE", "off")


def numbered(texts):
    return {text: token for token, text in enumerate(texts)}


def byte_level():
    """Every byte, in GPT-2's writing, and two merges."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = numbered([*letters, "ab", "Ġab"])
    tokenizer = Tokenizer(models.BPE(vocabulary, [("a", "b"), ("Ġ", "ab")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["</s>"])
    return tokenizer


def sentencepiece(space="normalizer", model="BPE"):
    """Pieces of text, `▁` for a space, and a token for every byte."""
    pieces = ["<unk>", "<s>", "</s>", *BYTE_TOKENS, *"▁ab{", '"', "ab", "▁a", "▁ab", "▁{", '{"', "▁▁"]
    if model == "BPE":
        merges = [("a", "b"), ("▁", "a"), ("▁", "ab"), ("▁", "{"), ("{", '"'), ("▁", "▁")]
        tokenizer = Tokenizer(
            models.BPE(numbered(pieces), merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
        )
    else:
        scores = [(piece, -float(len(pieces)) if piece in BYTE_TOKENS else -1.0) for piece in pieces]
        tokenizer = Tokenizer(models.Unigram(scores, unk_id=0, byte_fallback=True))
    if space == "normalizer":
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    elif space == "metaspace":
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="first", split=False)
    else:
        tokenizer.normalizer = normalizers.Replace(" ", "▁")
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence(steps if space == "none" else [*steps, decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    return tokenizer


KINDS = {
    "byte-level": byte_level,
    "sentencepiece, space in front by normalizer": sentencepiece,
    "sentencepiece, space in front by pre-tokenizer": lambda: sentencepiece("metaspace"),
    "sentencepiece, no space in front": lambda: sentencepiece("none"),
    "unigram with byte fallback": lambda: sentencepiece("metaspace", "Unigram"),
}


def read(tokenizer, **options):
    end = tokenizer.token_to_id("</s>")
    return Vocabulary.from_tokenizer(tokenizer, **{"eos_token_ids": [end], **options})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", TEXTS)
def test_the_tokens_of_a_text_spell_it(kind, text):
    vocabulary = read(KINDS[kind]())
    assert vocabulary.spell(vocabulary.encode(text)) == text.encode()


@pytest.mark.parametrize("kind", KINDS)
def test_any_byte_can_be_written(kind):
    assert read(KINDS[kind]()).alphabet == set(range(256))


@pytest.mark.parametrize(
    ("kind", "token", "spelled"),
    [
        ("byte-level", "Ġab", b" ab"),
        ("byte-level", "Ċ", b"\n"),
        ("byte-level", "Ã", b"\xc3"),
        ("byte-level", "Ń", b"\xad"),
        ("byte-level", "</s>", None),
        ("sentencepiece, no space in front", "▁ab", b" ab"),
        ("sentencepiece, no space in front", "▁▁", b"  "),
        ("sentencepiece, no space in front", "<0x0A>", b"\n"),
        ("sentencepiece, no space in front", "<0xFF>", b"\xff"),
        ("sentencepiece, no space in front", "<unk>", None),
        ("unigram with byte fallback", "▁{", b" {"),
        ("unigram with byte fallback", "<unk>", None),
    ],
)
def test_a_token_spells(kind, token, spelled):
    tokenizer = KINDS[kind]()
    assert read(tokenizer).spellings[tokenizer.token_to_id(token)] == spelled


def test_two_ids_with_the_same_bytes_are_both_known():
    tokenizer = sentencepiece()
    trie = read(tokenizer).trie
    same = [[tokenizer.token_to_id(f"<0x{ord(piece):02X}>"), tokenizer.token_to_id(piece)] for piece in 'ab{"']
    same.append([tokenizer.token_to_id("<0x20>"), tokenizer.token_to_id("▁")])
    assert sorted(trie.duplicates.tolist()) == sorted(same)


def test_the_first_bytes_of_a_continuation_do_not_depend_on_the_space_in_front_of_a_text():
    tokenizer = sentencepiece()
    assert [tokenizer.id_to_token(token) for token in tokenizer.encode("ab").ids] == ["▁ab"]
    assert [tokenizer.id_to_token(token) for token in read(tokenizer).encode("ab")] == ["ab"]


# ---------------------------------------------------------------- added tokens


@pytest.mark.parametrize(
    ("content", "markup"),
    [
        ("<think>", True),
        ("</tool_call>", True),
        ("<|im_end|>", True),
        ("<｜tool▁calls▁begin｜>", True),
        ("｜DSML｜", True),
        ("[INST]", True),
        ("[/TOOL_RESULTS]", True),
        ("    ", False),
        ("\n\n", False),
        ("hello", False),
        ("<", False),
        ("<>", False),
        ("[]", False),
        ("=>", False),
        ("a<b>", False),
    ],
)
def test_markup_is_told_from_text(content, markup):
    assert is_markup(content) == markup


@pytest.mark.parametrize("kind", ["byte-level", "sentencepiece, no space in front"])
def test_added_tokens_are_control_when_special_or_markup_and_text_otherwise(kind):
    tokenizer = KINDS[kind]()
    texts = ["<tool_call>", "   ", "hello", "naïve"]
    tokenizer.add_tokens([AddedToken(text, normalized=False, special=False) for text in texts])
    tokenizer.add_special_tokens(["plain"])
    vocabulary = read(tokenizer)
    named = {text: vocabulary.spellings[tokenizer.token_to_id(text)] for text in [*texts, "plain"]}
    assert named == {"<tool_call>": None, "   ": b"   ", "hello": b"hello", "naïve": "naïve".encode(), "plain": None}
    assert {"<tool_call>", "plain", "</s>"} <= set(vocabulary.control)
    assert not {"   ", "hello", "naïve"} & set(vocabulary.control)
    assert vocabulary.control["<tool_call>"] == tokenizer.token_to_id("<tool_call>")


def test_the_name_of_a_control_token_can_still_be_written_as_text():
    vocabulary = read(byte_level())
    node = vocabulary.trie.find(b"<")
    assert vocabulary.trie.token[node] >= 0
    assert vocabulary.trie.find(b"</") == -1


# ---------------------------------------------------------------- sizes and ends


def test_logits_wider_than_the_tokenizer_have_unused_ids():
    tokenizer = byte_level()
    narrow, wide = read(tokenizer), read(tokenizer, size=300)
    assert narrow.size == 259
    assert wide.size == 300
    assert wide.spellings == (*narrow.spellings, *[None] * 41)
    assert wide.fingerprint != narrow.fingerprint


def test_logits_narrower_than_the_tokenizer_are_refused():
    with pytest.raises(VocabularyError, match="size is 258, but the tokenizer's highest id is 258"):
        read(byte_level(), size=258)


class Wrapped:
    """Something around a tokenizer, as transformers and mlx-lm have it."""

    def __init__(self, tokenizer, **attributes):
        self._tokenizer = tokenizer
        self.__dict__.update(attributes)


@pytest.mark.parametrize(
    ("attributes", "ends"),
    [
        ({"eos_token_id": 7}, (7,)),
        ({"eos_token_ids": {258, 7}}, (7, 258)),
        ({"eos_token_ids": {258}, "eos_token_id": 7}, (258,)),
        ({"eos_token_ids": set(), "eos_token_id": 7}, (7,)),
    ],
)
def test_a_wrapped_tokenizer_says_what_ends_a_text(attributes, ends):
    inner = Wrapped(byte_level(), eos_token_id=1)
    vocabulary = Vocabulary.from_tokenizer(Wrapped(inner, **attributes))
    assert vocabulary.eos_token_ids == ends
    assert all(vocabulary.spellings[token] is None for token in ends)


@pytest.mark.parametrize("tokenizer", [Wrapped(None), Wrapped("slow"), object()])
def test_what_is_not_a_fast_tokenizer_is_refused(tokenizer):
    with pytest.raises(VocabularyError, match="not a fast tokenizer"):
        Vocabulary.from_tokenizer(tokenizer)


def test_a_tokenizer_without_an_end_is_refused():
    with pytest.raises(VocabularyError, match="does not say which tokens end a text"):
        Vocabulary.from_tokenizer(byte_level())


def test_a_tokenizer_with_python_parts_is_refused():
    tokenizer = byte_level()
    tokenizer.pre_tokenizer = pre_tokenizers.PreTokenizer.custom(object())
    with pytest.raises(VocabularyError, match="cannot be read"):
        read(tokenizer)


# ---------------------------------------------------------------- files


def written(folder, tokenizer, **siblings):
    path = folder / "tokenizer.json"
    path.write_text(tokenizer if isinstance(tokenizer, str) else tokenizer.to_str())
    for name, content in siblings.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("siblings", "ends"),
    [
        ({"tokenizer_config": {"eos_token": "</s>"}}, (258,)),
        ({"tokenizer_config": {"eos_token": {"content": "</s>", "lstrip": False}}}, (258,)),
        ({"generation_config": {"eos_token_id": 3}}, (3,)),
        ({"generation_config": {"eos_token_id": [3, 5]}, "tokenizer_config": {"eos_token": "</s>"}}, (3, 5, 258)),
        ({"generation_config": {"eos_token_id": None}, "tokenizer_config": {"eos_token": "</s>"}}, (258,)),
    ],
)
def test_files_beside_the_tokenizer_say_what_ends_a_text(tmp_path, siblings, ends):
    path = written(tmp_path, byte_level(), **siblings)
    assert Vocabulary.from_tokenizer_file(path).eos_token_ids == ends


def test_end_tokens_that_are_passed_replace_the_files(tmp_path):
    path = written(tmp_path, byte_level(), generation_config={"eos_token_id": 3})
    assert Vocabulary.from_tokenizer_file(str(path), eos_token_ids=[258, 9]).eos_token_ids == (9, 258)


def test_a_file_and_the_tokenizer_in_memory_are_the_same_vocabulary(tmp_path):
    tokenizer = byte_level()
    path = written(tmp_path, tokenizer)
    from_file = Vocabulary.from_tokenizer_file(path, eos_token_ids=[258])
    assert from_file.fingerprint == read(tokenizer).fingerprint


@pytest.mark.parametrize(
    ("content", "siblings", "message"),
    [
        ("{", {}, "not JSON"),
        ("[]", {}, "not a JSON object"),
        ('{"a": 1}', {}, "is not a tokenizer"),
        ('{"model": {"type": "BPE"}, "decoder": {"type": "ByteLevel"}}', {}, "is not a tokenizer"),
        (None, {}, "does not say which tokens end a text .pass eos_token_ids."),
        (None, {"tokenizer_config": {"eos_token": "<end>"}}, "has no token '<end>'"),
        (None, {"generation_config": {"eos_token_id": 999}}, "end token has id 999"),
    ],
)
def test_a_file_that_makes_no_vocabulary_is_refused_by_name(tmp_path, content, siblings, message):
    path = written(tmp_path, content or byte_level(), **siblings)
    with pytest.raises(VocabularyError, match=message):
        Vocabulary.from_tokenizer_file(path)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(VocabularyError, match=r"cannot read .*absent\.json"):
        Vocabulary.from_tokenizer_file(tmp_path / "absent.json", eos_token_ids=[1])


@pytest.mark.parametrize("change", [lambda path: path.write_text("{}"), lambda path: path.unlink()])
def test_encoding_with_a_file_that_changed_since_is_refused(tmp_path, change):
    path = written(tmp_path, byte_level())
    vocabulary = Vocabulary.from_tokenizer_file(path, eos_token_ids=[258])
    change(path)
    with pytest.raises(VocabularyError, match=r"changed|again"):
        vocabulary.encode("a")


# ---------------------------------------------------------------- what is refused


def without_byte_fallback():
    tokenizer = Tokenizer(models.BPE(numbered(["a", "▁"]), []))
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def with_suffix():
    tokenizer = Tokenizer(models.BPE(numbered(["a", "a</w>"]), [], end_of_word_suffix="</w>"))
    tokenizer.decoder = decoders.BPEDecoder()
    return tokenizer


def wordpiece():
    tokenizer = Tokenizer(models.WordPiece(numbered(["[UNK]", "a", "##b"]), unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def with_decoder(decoder):
    tokenizer = sentencepiece()
    tokenizer.decoder = decoder
    return tokenizer


@pytest.mark.parametrize(
    ("tokenizer", "message"),
    [
        (
            wordpiece(),
            "WordPiece model do not spell bytes: found model WordPiece, decoder WordPiece, pre-tokenizer Bert",
        ),
        (Tokenizer(models.WordLevel({"a": 0}, "a")), "WordLevel model"),
        (Tokenizer(models.BPE({"a": 0}, [])), "cannot tell which bytes"),
        (Tokenizer(models.Unigram([("a", 0.0)], 0)), "cannot tell which bytes"),
        (without_byte_fallback(), "without byte fallback some text cannot be written"),
        (with_suffix(), "end_of_word_suffix '</w>'"),
        (with_decoder(decoders.Metaspace()), "without byte fallback"),
        (with_decoder(decoders.Sequence([decoders.Strip(" ", 1, 0), decoders.ByteFallback()])), "step .*Strip"),
        (with_decoder(decoders.Sequence([decoders.ByteFallback(), decoders.CTC()])), "step .*CTC"),
    ],
)
def test_tokens_that_do_not_spell_bytes_are_refused_with_what_was_found(tokenizer, message):
    with pytest.raises(VocabularyError, match=message) as caught:
        Vocabulary.from_tokenizer(tokenizer, eos_token_ids=[0])
    assert "supported are byte-level BPE, SentencePiece with byte fallback, and tekken" in str(caught.value)


def test_unused_ids_between_the_tokens_are_holes():
    model = {"type": "BPE", "vocab": {"a": 0, "b": 3}}
    tokens = read_tokens({"model": model, "decoder": {"type": "ByteLevel"}, "added_tokens": []})
    assert tokens.spellings == [b"a", None, None, b"b"]

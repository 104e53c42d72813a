"""Real tokenizers: what they encode is spelled back, byte for byte, and their own decoders agree."""

import json
import unicodedata

import pytest
from tokenizers import Tokenizer

from constrained import ModelError, Vocabulary
from tests.support.tokenizers import NAMES, NPM_TOKENIZERS, tokenizer_path

CORPUS = [
    "The capital of France is Paris.",
    '{"name": "get_weather", "arguments": {"city": "São Paulo", "days": 3}}',
    '{\n  "a": [1, 2.5, -3e10, true, null],\n\t"b": {}\n}',
    "def f(x):\n    return [y ** 2 for y in x if y]  # comment\n\n\nclass A:\n\tpass\n",
    "for (int i = 0; i < n; ++i) { sum += a[i] << 2; }\r\n",
    "日本語のテキスト、中文文本，한국어 텍스트",
    "Привет, мир! Ελληνικά. עברית. العربية. हिन्दी ไทย",
    "😀👩‍👩‍👧‍👦🏳️‍🌈 e\u0301 ﬁ Å ℃ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    " leading, trailing ",
    " \t \n  \r\n\n\n        \u00a0\u2003\u3000 x",
    "a" * 300 + " " * 200 + "\n" * 50,
    "\x00\x01\x1f\x7f\u0080\uffff\U0010ffff",
    "https://example.org/a?b=c&d=%20#e <div class='x'>&amp;</div>",
    "</tool> <not_a_token> [x] {{ }} \\n \\u00e9 \\\\",
    "",
]

NFC = {"qwen3"}  # encodes the normalised text

KNOWN = {
    #            ids, unused or control, end, an id -> what it spells
    "llama3_1": (128_256, 256, (128_009,), {5018: b'{"', 198: b"\n", 9906: b"Hello"}),
    "qwen3": (151_669, 26, (151_645,), {4913: b'{"', 198: b"\n", 9707: b"Hello"}),
    "gptoss": (200_019, 21, (200_002,), {10848: b'{"', 198: b"\n", 13225: b"Hello"}),
    "mistral": (131_072, 1000, (2,), {1000: b"\x00", 1010: b"\n", 22177: b"Hello"}),
}


@pytest.fixture(scope="module")
def vocabularies():
    """Each real vocabulary, read once and without the cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONSTRAINED_CACHE", "off")
        read = {}
        yield lambda name: read.get(name) or read.setdefault(name, Vocabulary.from_tokenizer_file(tokenizer_path(name)))


@pytest.mark.parametrize("text", CORPUS)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_encoded_is_spelled_back(vocabularies, name, text):
    vocabulary = vocabularies(name)
    if name in NFC:
        text = unicodedata.normalize("NFC", text)
    assert vocabulary.spell(vocabulary.encode(text)) == text.encode()


@pytest.mark.parametrize("name", NAMES)
def test_has_the_tokens_that_it_is_known_for(vocabularies, name):
    size, unspelled, ends, spelled = KNOWN[name]
    vocabulary = vocabularies(name)
    assert vocabulary.size == size
    assert vocabulary.spellings.count(None) == len(vocabulary.control) == unspelled
    assert vocabulary.eos_token_ids == ends
    assert {token: vocabulary.spellings[token] for token in spelled} == spelled
    assert vocabulary.alphabet == set(range(256))


@pytest.mark.parametrize("name", NPM_TOKENIZERS)
def test_spells_what_the_tokenizers_own_decoder_writes(vocabularies, name):
    vocabulary = vocabularies(name)
    sample = [token for token in range(0, vocabulary.size, 7) if vocabulary.spellings[token] is not None]
    written = Tokenizer.from_file(str(tokenizer_path(name))).decode_batch([[token] for token in sample])
    assert written == [vocabulary.spellings[token].decode(errors="replace") for token in sample]


@pytest.mark.parametrize("name", NAMES)
def test_every_token_is_found_by_its_bytes(vocabularies, name):
    vocabulary = vocabularies(name)
    trie = vocabulary.trie
    assert len(trie.duplicates) + (trie.token >= 0).sum() == vocabulary.size - vocabulary.spellings.count(None)
    for token in range(0, vocabulary.size, 1009):
        spelled = vocabulary.spellings[token]
        if spelled is not None:
            node = trie.find(spelled)
            assert trie.token[node] == token
            assert trie.path(node) == spelled


@pytest.mark.parametrize(
    ("name", "markers"),
    [
        ("llama3_1", {"<|eot_id|>": 128_009, "<|start_header_id|>": 128_006}),
        ("qwen3", {"<tool_call>": 151_657, "</think>": 151_668, "<|im_end|>": 151_645}),
        ("gptoss", {"<|channel|>": 200_005, "<|call|>": 200_012}),
        ("mistral", {"[TOOL_CALLS]": 9, "</s>": 2, "<SPECIAL_20>": 20, "<SPECIAL_999>": 999}),
    ],
)
def test_markers_are_control_tokens(vocabularies, name, markers):
    control = vocabularies(name).control
    assert {text: control.get(text) for text in markers} == markers


def test_tekken_agrees_with_mistrals_own_tokenizer(vocabularies):
    tekken = pytest.importorskip("mistral_common.tokens.tokenizers.tekken")
    judge = tekken.Tekkenizer.from_file(tokenizer_path("mistral"))
    vocabulary = vocabularies("mistral")
    for text in CORPUS:
        assert vocabulary.encode(text) == judge.encode(text, bos=False, eos=False)
    for token in range(1000, vocabulary.size, 101):
        assert vocabulary.spellings[token] == judge.id_to_byte_piece(token)


@pytest.mark.model
def test_the_packaged_models_tokenizer_spells_back_what_it_encodes(monkeypatch):
    mx = pytest.importorskip("mlx.core")
    gguf_tokenizer = pytest.importorskip("constrained.runtime.gguf_tokenizer")
    packaged_model = pytest.importorskip("constrained.runtime.packaged_model")
    try:
        path = packaged_model.find_gguf().path
    except ModelError as error:
        pytest.skip(str(error))
    _, metadata = mx.load(str(path), return_metadata=True)
    tokenizer = Tokenizer.from_str(json.dumps(gguf_tokenizer.tokenizer_files(metadata)["tokenizer.json"]))
    monkeypatch.setenv("CONSTRAINED_CACHE", "off")
    vocabulary = Vocabulary.from_tokenizer(tokenizer, eos_token_ids=[2])
    assert (vocabulary.size, vocabulary.control["<|im_end|>"]) == (49_152, 2)
    for text in CORPUS:
        assert vocabulary.spell(vocabulary.encode(text)) == text.encode()
    never = {0xC0, 0xC1, *range(0xF5, 0x100)}  # bytes that no UTF-8 has
    rare = {0x04, 0x06, 0x13, 0x14, 0x16, 0x1D, 0xF1, 0xF2}  # six control characters, planes 4 to 11
    assert vocabulary.alphabet == set(range(256)) - never - rare

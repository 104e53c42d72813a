"""Forced tokens, with tokenizers small enough to see through."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from constrained import CompiledGrammar, Vocabulary
from constrained.forced import cut
from constrained.grammar import Control, Rule, Symbol
from constrained.matcher import replay
from constrained.segments import longest_tokens
from tests.support.grammars import terminal

WORDS = [b"def", b"name", b"nam", b'":', b' "', b"{", b'{"', b"}", b"ing", b"str", b"string", "é".encode()]
BYTES = [bytes([byte]) for byte in range(256)]
CALL, OTHER, END = 300, 301, 302
SPELLINGS: list[bytes | None] = [*BYTES, *WORDS, *[None] * (303 - 256 - len(WORDS))]
BARE = Vocabulary.from_spellings(SPELLINGS, [END], {"<call>": CALL, "<other>": OTHER})


def greedy(text: str) -> list[int]:
    return longest_tokens(BARE, text.encode(), last=True)


def with_encode(encode: Callable[[str], list[int]]) -> Vocabulary:
    return replace(BARE, encode=encode)


VOCABULARY = with_encode(greedy)


def spelled(tokens: list[int]) -> list[bytes | None]:
    return [BARE.spellings[token] for token in tokens]


def compiled(symbol: Symbol, vocabulary: Vocabulary = VOCABULARY) -> CompiledGrammar:
    return CompiledGrammar(symbol, vocabulary)


def test_the_last_word_is_left_to_the_model():
    matcher = compiled(terminal(r'\{"name": "[a-z]+"\}')).matcher()
    assert matcher.forced_bytes() == b'{"name": "'
    assert spelled(matcher.forced_tokens()) == [b'{"', b"name", b'":']


def test_all_is_certain_where_the_text_must_end():
    assert spelled(compiled(terminal("name")).matcher().forced_tokens()) == [b"name", None]
    assert compiled(terminal("string")).matcher().forced_tokens()[-1] == END


def test_a_control_token_ends_words_and_may_be_forced():
    rule = Rule("call", ((terminal("name"), Control(frozenset({CALL})), terminal("def")),))
    assert compiled(rule).matcher().forced_tokens() == [257, CALL, 256, END]
    two = Rule("call", ((terminal("name"), Control(frozenset({CALL, OTHER})), terminal("def")),))
    assert compiled(two).matcher().forced_tokens() == [257]
    assert replay(compiled(two), [257, OTHER]).forced_tokens() == [256, END]


def test_one_of_several_end_tokens_is_not_forced():
    vocabulary = replace(Vocabulary.from_spellings(SPELLINGS, [END, OTHER], {"<call>": CALL}), encode=greedy)
    assert spelled(compiled(terminal("name"), vocabulary).matcher().forced_tokens()) == [b"name"]


def test_text_that_merges_with_what_is_there_is_left_to_the_model():
    grammar = compiled(terminal('[{]"name'))
    assert spelled(grammar.matcher().forced_tokens()) == [b'{"', b"name", None]
    assert replay(grammar, [ord("{")]).forced_tokens() == []  # the tokenizer would have written `{"`
    assert spelled(replay(grammar, [ord("{"), ord('"')]).forced_tokens()) == [b"name", None]


def test_only_as_much_context_as_agrees():
    # `s` `t` `r` is not how the tokenizer writes `str`, but the blank behind it is.
    grammar = compiled(terminal("str[ ]name"))
    assert spelled(replay(grammar, [*b"str "]).forced_tokens()) == [b"name", None]


def test_a_context_stops_at_a_control_token():
    rule = Rule("call", ((terminal("na"), Control(frozenset({CALL})), terminal("me")),))
    assert replay(compiled(rule), [*b"na", CALL]).forced_tokens() == [*b"me", END]


@pytest.mark.parametrize("encode", [lambda text: greedy(text.replace("e", "é")), lambda text: [END], lambda text: []])
def test_a_tokenizer_that_writes_something_else_forces_nothing(encode):
    assert compiled(terminal("name"), with_encode(encode)).matcher().forced_tokens() == []


def test_without_a_tokenizer_the_longest_tokens_are_taken():
    matcher = compiled(terminal('[{]"name": "[a-z]"'), BARE).matcher()
    assert spelled(matcher.forced_tokens()) == [b'{"', b"name", b'":', b' "']
    assert spelled(compiled(terminal("na[mn]e"), BARE).matcher().forced_tokens()) == []


@pytest.mark.parametrize(
    ("forced", "expected"),
    [
        (b"name string", [b"name", b" "]),
        (b"name  ", []),
        (b"name\xc3", []),
        ("é name".encode(), ["é".encode(), b" "]),
        (b"name,string'", [b"name", b","]),
        (b'{"name"', [b'{"', b"name"]),
        (b"1234", []),
    ],
)
def test_where_the_last_word_begins(forced, expected):
    assert spelled(cut(VOCABULARY, [], forced, last=False)) == expected


def test_characters_cut_off_by_tokens():
    accent = [0xC3]
    assert spelled(cut(VOCABULARY, accent, b"\xa9 name", last=True)) == []  # inside of a character
    assert spelled(cut(VOCABULARY, [ord(" ")], b"\xc3\xa9 name,\xe6\x9d", last=False)) == ["é".encode(), b" ", b"name"]


def test_a_merge_over_words_is_noticed():
    # A tokenizer without words, that joins anything with a following `"`.
    vocabulary = with_encode(
        lambda text: greedy(text) if not text.endswith('"') else [*greedy(text[:-2]), ord("?"), ord("?")]
    )
    assert spelled(cut(vocabulary, [], b"name,str", last=False)) == [b"name", b","]
    assert spelled(cut(vocabulary, [], b"name,s", last=False)) == [b"name", b","]

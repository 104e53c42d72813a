"""The same grammars in llguidance: where its dialect agrees with Lark's, it accepts the same texts.

It does not agree on priorities, and where the longest lexeme has to be given up for a shorter one: those
grammars are left out here. Nor on ignored text at the very beginning or end (refused there), and on
`common.ESCAPED_STRING`, in which it allows line feeds, nor on keywords where only a name could stand. A text
on which the two differ must be of that kind: both accept it once it is mended there, and Lark's parser is with us.
"""

import random
import re

import pytest
from lark.lexer import PatternStr
from llguidance import LLMatcher, LLTokenizer

from constrained import Vocabulary
from tests.conformance.test_lark_grammars import FOLDER, compiled, judge, mutated, parses, texts, valid_texts
from tests.support.tokenizers import tokenizer_path
from tests.support.walks import accepts

AGREED = (
    "calculator",
    "csv",
    "email_header",
    "json",
    "palindromes",
    "patch",
    "python_expressions",
    "url",
    "words",
)


@pytest.fixture(scope="module")
def read():
    """Does llguidance accept a text, given byte by byte?"""
    path = tokenizer_path("llama3_1")
    tokenizer, trie = LLTokenizer(path.read_text()), Vocabulary.from_tokenizer_file(path).trie
    token = [int(trie.token[trie.find(bytes([byte]))]) for byte in range(256)]

    def accepted(grammar, text):
        matcher = LLMatcher(tokenizer, grammar)
        tokens = [token[byte] for byte in text.encode()]
        return (
            matcher.validate_tokens(tokens) == len(tokens) and matcher.consume_tokens(tokens) and matcher.is_accepting()
        )

    return accepted


@pytest.mark.parametrize("name", AGREED)
def test_accepts_what_llguidance_accepts(name, read):
    check(name, read, 20)


@pytest.mark.slow
@pytest.mark.parametrize("name", AGREED)
def test_accepts_what_llguidance_accepts_of_three_hundred_texts(name, read):
    check(name, read, 300)


def mended(name, text):
    """`text` without what llguidance is known to read in another way: each kind alone, then all of them."""
    patterns = {terminal.name: terminal.pattern.to_regexp() for terminal in judge(name).terminals}
    ignored = "|".join(patterns[one] for one in judge(name).ignore_tokens) or "(?!)"

    def bare(text):
        while found := re.match(ignored, text) or re.search(rf"(?:{ignored})\Z", text):
            text = text[: found.start()] + text[found.end() :]
        return text

    def in_a_line(text):
        return re.sub(r'"(?:[^"\\]|\\.)*"', lambda found: found[0].replace("\n", " "), text, flags=re.DOTALL)

    yield bare(text)
    yield in_a_line(text)
    words = {one.pattern.value for one in judge(name).terminals if isinstance(one.pattern, PatternStr)}
    for found in re.finditer(patterns.get("NAME", "(?!)"), text):
        if found[0] in words:
            yield f"{text[: found.start()]}{found[0]}_{text[found.end() :]}"
    yield bare(in_a_line(text))


def check(name, read, count):
    written = (FOLDER / f"{name}.lark").read_text()
    grammar = LLMatcher.grammar_from_lark(written)
    chance = random.Random(9)
    verdicts = set()
    for text in (*texts(name, count), *valid_texts(name, count)[0]):
        for other in (text, mutated(text, chance), mutated(text, chance)):
            accepted = accepts(compiled(name), other)
            if accepted != read(grammar, other):
                assert accepted == parses(name, other), other
                assert any(accepts(compiled(name), one) and read(grammar, one) for one in mended(name, other)), other
            verdicts.add(accepted)
    assert verdicts == {True, False}

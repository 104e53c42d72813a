"""`rule[max_tokens=N]` of Lark grammars: how many tokens texts have, with real tokenizers too; what is refused."""

import json
import random
from typing import Any

import numpy as np
import pytest

from constrained import Vocabulary
from constrained.budget import Budgeted
from constrained.errors import GrammarError, InvalidGrammar, LimitExceeded, UnsupportedFeature
from constrained.matcher import CompiledGrammar
from constrained.metering import metered
from grammars import compile_json_schema, compile_lark, compile_regex
from grammars.enclosed import Enclosure
from grammars.tools.compile import compile_tools
from tests.support.tokenizers import tokenizer_path
from tests.support.walks import BYTES

LINE = 'start: "Answer: " t "\\n"\nt[max_tokens=6]: /[^\\n]*/'
TOKENS = Vocabulary.from_spellings(
    [*(bytes([byte]) for byte in range(256)), b"ab", b"abc", b"c\n", b": a", None], eos_token_ids=[260]
)


def allowed(matcher) -> list[int]:
    return np.flatnonzero(np.unpackbits(matcher.bitmask().view(np.uint8), bitorder="little")).tolist()


def walked(grammar: CompiledGrammar, seed: int, budget: int = 0) -> list[bytes]:
    """The tokens of a random text, but the end."""
    matcher: Any = grammar.matcher()
    matcher = Budgeted(matcher, budget) if budget else matcher
    choose = random.Random(seed)
    while not matcher.is_finished:
        matcher.advance(choose.choice(allowed(matcher)))
    spellings = grammar.vocabulary.spellings
    return [spelling for token in matcher.tokens if (spelling := spellings[token])]


def tokens_in(tokens: list[bytes], begin: int, end: int) -> int:
    """How many tokens hold bytes of `text[begin:end]`."""
    place, found = 0, 0
    for token in tokens:
        found += place < end and place + len(token) > begin
        place += len(token)
    return found


@pytest.mark.parametrize("budget", [0, 5, 9])
@pytest.mark.parametrize("vocabulary", [TOKENS, "llama3_1"], ids=["letters", "llama3_1"])
def test_the_text_of_a_rule_has_no_more_tokens_than_it_may(vocabulary, budget):
    if isinstance(vocabulary, str):
        vocabulary = Vocabulary.from_tokenizer_file(tokenizer_path(vocabulary))
    elif budget == 5:
        budget = 11  # a letter each
    grammar = compile_lark(LINE, vocabulary)
    counts = []
    for seed in range(12):
        tokens = walked(grammar, seed, budget)
        text = b"".join(tokens)
        counts.append(tokens_in(tokens, len("Answer: "), len(text) - 1))
        assert not budget or len(tokens) < budget
    assert max(counts) <= 6
    assert budget or max(counts) == 6, "no walk came to the limit"


def test_every_text_of_a_repeated_rule_is_counted_anew():
    grammar = compile_lark('start: (t ",")+ "."\nt[max_tokens=2]: /[a-c]+/', TOKENS)
    most = 0
    for seed in range(200):
        tokens, place = walked(grammar, seed), 0
        for part in b"".join(tokens).split(b",")[:-1]:
            most = max(most, tokens_in(tokens, place, place + len(part)))
            place += len(part) + 1
    assert most == 2


def test_a_text_that_ends_with_a_stop_string_is_brought_to_it_in_time():
    grammar = compile_lark('start: t "!"\nt[max_tokens=5, stop="END"]: /[a-zE]*/', TOKENS)
    for seed in range(50):
        tokens = walked(grammar, seed)
        text = b"".join(tokens)
        assert text.endswith(b"END!")
        assert tokens_in(tokens, 0, len(text) - 1) <= 5


def test_within_a_call_the_tokens_of_the_escaped_text_are_counted():
    lark = {"syntax": "lark", "definition": 'start: t\nt[max_tokens=5]: /["a-c]+/'}
    tool = {"type": "custom", "name": "f", "format": {"type": "grammar", **lark}}
    grammar = compile_tools([tool], TOKENS, tool_choice="required", parallel_tool_calls=False, format="hermes")
    assert isinstance(grammar, CompiledGrammar)
    most = 0
    for seed in range(40):
        tokens = walked(grammar, seed, 200)
        text = b"".join(tokens)
        begin = text.index(b'"input": "') + len('"input": "')
        end = text.rindex(b'"', 0, text.rindex(b"}"))
        json.loads(text[begin - 1 : end + 1])
        most = max(most, tokens_in(tokens, begin, end))
    assert most == 5


def test_where_no_rule_has_a_limit_a_grammar_counts_nothing():
    for grammar in (compile_json_schema({}, TOKENS), compile_regex("a+", TOKENS), compile_lark('start: "a"', TOKENS)):
        walked(grammar, 1, 50)
        assert not grammar.states.net.counts_tokens


@pytest.mark.parametrize(
    ("grammar", "kind", "where", "says"),
    [
        ("start[max_tokens=3]: /.*/", UnsupportedFeature, "line 1, column 1", "it takes at least max_tokens=4"),
        ('start: t "x"\nt[max_tokens=4]: /hello/', UnsupportedFeature, "line 2, column 1", "at least max_tokens=5"),
        ("start[max_tokens=0]: /.*/", InvalidGrammar, "line 1, column 7", "a number from 1 up"),
        ("start[max_tokens=few]: /.*/", InvalidGrammar, "line 1, column 7", "a number from 1 up"),
        ('start: t\nt[max_tokens=5]: "a" u\nu: "b"', InvalidGrammar, "line 2, column 22", "Rules aren't allowed"),
        ("start[max_tokens=999]: /(..){400}/", LimitExceeded, "line 1, column 1", "in which it may not end"),
        ("start: t\nt[temperature=0.5, max_tokens=9]: /x/", UnsupportedFeature, "line 2, column 3", "by the request"),
    ],
)
def test_what_cannot_be_counted_is_refused_with_its_place(grammar, kind, where, says):
    with pytest.raises(GrammarError, match=says) as caught:
        compile_lark(grammar, BYTES)
    assert type(caught.value) is kind
    assert caught.value.where == where


def test_greedy_lexing_counts_no_tokens():
    with pytest.raises(UnsupportedFeature, match=r"t\[max_tokens=9\] needs dynamic lexing"):
        compile_lark('start: "x" t\nt[max_tokens=9]: /a+/', BYTES, lexer="greedy")
    assert "needs dynamic lexing" in compile_lark('start: "x" t\nt[max_tokens=9]: /a+/', BYTES).report[0].note


def test_a_limit_is_not_lost_in_a_literal():
    leaf = metered(compile_regex("a+", TOKENS).start.automaton, "t", 3, TOKENS)  # pyright: ignore
    with pytest.raises(UnsupportedFeature, match="the token limit of t inside a text"):
        Enclosure(quote=b'"')._lift.symbol(leaf)


@pytest.mark.interpreted  # a constant of the scanner is replaced
@pytest.mark.parametrize(("rows", "beside"), [(20, "together"), (25, "beside what must not follow")])
def test_terminals_of_too_many_rows_are_refused_and_never_cut(monkeypatch, rows, beside):
    monkeypatch.setattr("grammars.lark.scanner._LIMIT", rows)
    with pytest.raises(LimitExceeded, match=f"more than {rows} rows {beside}"):
        compile_lark("start: WORD NUMBER\nWORD: /[a-z]+/\nNUMBER: /([a-z0-9]{2}){1,9}!/", BYTES)

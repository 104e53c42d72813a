"""Custom tools in every family: the input that clients get is a text of the grammar, and all of them can be called.

Judges are Lark, Python's `re`, and the readers of the families' calls.
"""

import json
import re
from functools import cache
from typing import Any

import pytest
from lark import Lark
from lark.exceptions import UnexpectedInput

from grammars.tools.compile import ToolGrammar, compile_tools
from grammars.tools.formats import Literals, Tags
from grammars.tools.rendering import WrittenCall
from grammars.tools.tables import FORMATS
from tests.conformance.tools.oracles import ORACLES
from tests.conformance.tools.vocabularies import NEEDS_TOKENS, vocabulary_for
from tests.conformance.tools.walks import Call, frame, random_turn, spelled, tokens_of, whole_turn

PATCH = r"""
start: "*** Begin Patch" LF hunk+ "*** End Patch" LF?
hunk: "*** Add File: " filename LF add_line+
    | "*** Update File: " filename LF (change_context | change_line)+
filename: /(.+)/
add_line: "+" /(.*)/ LF
change_context: ("@@" | "@@ " /(.+)/) LF
change_line: ("+" | "-" | " ") /(.*)/ LF
%import common.LF
"""  # as coding agents use it; LALR(1)
NESTED = r"""
start: item
item: "<" item ">" | "\"" item "\"" | item item | "'\n" | "\\" | "\t" | "</parameter>" | "<|\"|>"
"""  # neither regular nor unambiguous, and full of what has to be escaped, or ends a text
PATTERN = r"^[0-9'\"\\<]{1,9}(é|\n|\x01)$"
GRAMMARS = {"patch": ("lark", PATCH), "nested": ("lark", NESTED), "pattern": ("regex", PATTERN)}
TEXTS = {
    "patch": ['*** Begin Patch\n*** Add File: a "b"\\c\'d.py\n+x = "\\n"\t# é\n+\n*** End Patch'],
    "nested": ['<\'\n\\>"\t"', "'\n", "\\\\\\", '"""\t"\\""'],
    "pattern": ["0é", "'\"\\<\n", "<<<\x01"],
    "free": ["", "x", 'say "hi"\n', "\\u00e9 é 😀", "\x00\x1f\x7f", "]]>", "<]]>", "&<![CDATA["],
}
WRONG = {
    "patch": ["*** Begin Patch\n*** End Patch", "*** Begin Patch\n*** Add File: \n+\n*** End Patch"],
    "nested": ["", "<", "<'\n", "'"],
    "pattern": ["0", "é", "0123456789é", "0\té"],
    "free": [],
}
KINDS = [(family, text) for family in FORMATS for text in (False, True) if not (text and family in NEEDS_TOKENS)]
IDS = [f"{family}-{'text' if text else 'tokens'}" for family, text in KINDS]


def tools() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"type": "custom", "custom": {"name": "free", "description": "Any text."}}]
    for name, (syntax, definition) in GRAMMARS.items():
        grammar = {"type": "grammar", "grammar": {"syntax": syntax, "definition": definition}}
        found.append({"type": "custom", "custom": {"name": name, "format": grammar}})
    return [*found, {"type": "function", "function": {"name": "now"}}]


def compiled(family: str, text: bool, choice: Any) -> ToolGrammar:
    vocabulary = vocabulary_for(family, text=text)
    return compile_tools(tools(), vocabulary, format=family, tool_choice=choice, reasoning="none")


@cache
def judge(name: str) -> Lark:
    text = GRAMMARS[name][1].replace("/(.*)/", "[/(.+)/]")
    return Lark(text, parser="earley", lexer="dynamic_complete")


def is_text_of(name: str, text: str) -> bool:
    if name == "free":
        return True
    if name == "pattern":
        return re.fullmatch(PATTERN.replace("$", ""), text) is not None
    try:
        judge(name).parse(text)
    except UnexpectedInput:
        return False
    return True


def can_write(family: str, text: bool, given: str) -> bool:
    """Where strings are not escaped, they cannot hold what ends them, unless that is a token."""
    arguments, control = FORMATS[family].arguments, vocabulary_for(family, text=text).control

    def free_of(*marks: str) -> bool:
        return not any(mark in given for mark in marks if not any(name in mark for name in control))

    match arguments:
        case Tags(quotes=None):
            return free_of(arguments.closes.strip())
        case Tags(quotes=quotes):
            assert quotes is not None
            return free_of(arguments.closes.strip(), *arguments.quoted) or free_of(quotes[1])
        case Literals():
            return arguments.escapes or free_of(arguments.quote)
        case _:
            return True


def check(call: Call, family: str, text: bool) -> None:
    assert call.finished
    if call.name == "now":
        assert (call.kind, call.arguments, call.input) == ("function", "{}", "")
    else:
        assert (call.kind, call.arguments) == ("custom", "")
        assert is_text_of(call.name, call.input)
        assert can_write(family, text, call.input)


@pytest.mark.parametrize(("family", "text"), KINDS, ids=IDS)
def test_every_input_is_a_text_of_its_grammar(family: str, text: bool):
    grammar = compiled(family, text, "required")
    for seed in range(4):
        tokens = random_turn(grammar, seed, 10 + seed * 9)
        told = frame(grammar, tokens)
        assert told.calls
        for call in told.calls:
            check(call, family, text)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "text"), KINDS, ids=IDS)
def test_a_hundred_inputs_of_each_tool_are_texts_of_its_grammar(family: str, text: bool):
    for name in TEXTS:
        grammar = compiled(family, text, {"type": "custom", "custom": {"name": name}})
        for seed in range(100):
            told = frame(grammar, random_turn(grammar, seed, 10 + seed % 60))
            (call,) = told.calls
            assert call.name == name
            check(call, family, text)


@pytest.mark.parametrize(("family", "text"), KINDS, ids=IDS)
def test_a_call_can_be_written_exactly_if_its_input_is_a_text_of_the_grammar(family: str, text: bool):
    for name, texts in TEXTS.items():
        grammar = compiled(family, text, {"type": "custom", "name": name})
        for given in [*texts, *WRONG[name]]:
            written = whole_turn(FORMATS[family], "", [WrittenCall(name, {"input": given})])
            tokens = tokens_of(written, grammar.vocabulary)
            matcher = grammar.matcher()
            passed = all(matcher.allows(token) and not matcher.advance(token) for token in tokens)
            wanted = is_text_of(name, given) and can_write(family, text, given)
            assert (passed and (matcher.is_accepting or matcher.is_finished)) == wanted, written
            if wanted:
                (call,) = frame(grammar, tokens).calls
                assert (call.kind, call.input) == ("custom", given)


READERS = [(family, reader) for family, readers in ORACLES.items() for _, reader in readers]
STRIPS = {family for family, record in FORMATS.items() if isinstance(record.arguments, Tags)}


@pytest.mark.parametrize(
    ("family", "reader"),
    READERS,
    ids=[f"{family}-{name.replace(' ', '_')}" for family, readers in ORACLES.items() for name, _ in readers],
)
def test_others_read_a_function_with_the_parameter_input(family: str, reader: Any):
    """To a reader that knows functions only. Those of tags strip strings and more, so it is words for them."""
    words = {"syntax": "regex", "definition": "x[a-z ,.:-]*x"} if family in STRIPS | {"function-gemma"} else None
    schema = {"type": "object", "properties": {"input": {"type": "string"}}}
    given = tools()[:-1] if words is None else [{"type": "custom", "name": "words", "format": _grammar(words)}]
    vocabulary = vocabulary_for(family)
    grammar = compile_tools(given, vocabulary, format=family, tool_choice="required", reasoning="none")
    names = [tool.get("custom", tool)["name"] for tool in given]
    shown = [{"type": "function", "function": {"name": name, "parameters": schema}} for name in names]
    for seed in range(4):
        tokens = random_turn(grammar, seed, 10 + seed * 6)
        told = [(call.name, {"input": call.input}) for call in frame(grammar, tokens).calls]
        assert reader(tokens, vocabulary, shown) == told, spelled(tokens, vocabulary)


def _grammar(fields: dict[str, str]) -> dict[str, Any]:
    return {"type": "grammar", **fields}


@pytest.mark.parametrize("family", ["hermes", "qwen3-coder", "lfm2", "gemma-4"])
def test_the_pieces_that_are_fed_do_not_matter(family: str):
    grammar = compiled(family, False, "required")
    written = whole_turn(FORMATS[family], "", [WrittenCall("free", {"input": 'a\\"\n</p>é'})])
    tokens = tokens_of(written, grammar.vocabulary)
    whole = frame(grammar, tokens).calls[0]
    assert json.dumps(whole.input) == json.dumps('a\\"\n</p>é')
    framer = grammar.framer()
    seen = ""
    for token in tokens:
        for event in framer.feed_token(token):
            if hasattr(event, "text"):
                seen += event.text
                assert whole.input.startswith(seen)
    assert seen == whole.input

"""What holds in every family, with its markers as tokens and as text, over a vocabulary of single bytes.

Turns are written by rendering.py, which knows nothing of masks, and read byte by byte: whether the grammar takes them
is the question. Tokenizers of real size, and turns that nobody wrote, are in tests/conformance/tools.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from constrained import Matcher, Vocabulary
from constrained.errors import UnsupportedFeature
from constrained.sections import Limited
from grammars.tools.compile import ToolGrammar, compile_tools
from grammars.tools.formats import Json, Literals, Nested, Slot, Tags, ToolFormat
from grammars.tools.reasoning import reasoning_in
from grammars.tools.rendering import WrittenCall, render_calls
from grammars.tools.tables import FORMATS
from tests.conformance.tools.vocabularies import NAMED_ENDS, NEEDS_TOKENS, TOKENS
from tests.conformance.tools.walks import frame, tokens_of, whole_turn
from tests.support.grammars import tokens_of as tokens_in

BYTES = [bytes((byte,)) for byte in range(256)]
HARMONY = ("<|channel|>", "<|message|>", "<|end|>", "<|start|>", "<|constrain|>", "<|call|>", "<|return|>")
ENDS = {"gpt-oss": ("<|call|>", "<|return|>"), **{family: (end,) for family, end in NAMED_ENDS.items()}}
CASES = [(family, text) for family in FORMATS for text in (False, True) if not (text and family in NEEDS_TOKENS)]
THINKING = [(family, text) for family, text in CASES if FORMATS[family].reasoning is not None]


def each(cases: list[tuple[str, bool]]) -> Any:
    """A test for every case."""
    ids = [f"{family}-{'text' if text else 'tokens'}" for family, text in cases]
    return pytest.mark.parametrize(("family", "text"), cases, ids=ids)


@cache
def vocabulary(family: str, text: bool) -> Vocabulary:
    """Bytes, an end token, and one that nobody uses; the family's own tokens too, unless its markers are text."""
    tokens = () if text else HARMONY if family == "gpt-oss" else TOKENS.get(family, ())
    control = {token: 258 + place for place, token in enumerate(tokens)}
    ends = [256, *(control[end] for end in (() if text else ENDS.get(family, ())))]
    return Vocabulary.from_spellings([*BYTES, None, None, *[None] * len(tokens)], ends, {"<|other|>": 257, **control})


def tool(name: str, **properties: Any) -> dict[str, Any]:
    return {"name": name, "parameters": {"type": "object", "properties": properties, "required": list(properties)}}


WEATHER, NOW = tool("get_weather", city={"type": "string"}), {"name": "now"}
CALL, NOW_CALL = WrittenCall("get_weather", {"city": "Rome"}), WrittenCall("now", {})


def compiled(family: str, text: bool, tools: Any = (WEATHER, NOW), **more: Any) -> ToolGrammar:
    settings: dict[str, Any] = {"reasoning": "none", **more}
    return compile_tools(list(tools), vocabulary(family, text), format=family, **settings)


def written(grammar: ToolGrammar, *calls: WrittenCall, text: str = "") -> list[int]:
    """A turn of text and calls."""
    return tokens_of(whole_turn(grammar.turn.format, text, calls), grammar.vocabulary)


def read(matcher: Matcher, tokens: list[int]) -> bool:
    """Read what may be read of some tokens: is it all of them?"""
    return all(matcher.allows(token) and not matcher.advance(token) for token in tokens)


def accepts(grammar: ToolGrammar, tokens: list[int]) -> bool:
    matcher = grammar.matcher()
    return read(matcher, tokens) and (matcher.is_accepting or matcher.is_finished)


def is_single(family: ToolFormat) -> bool:
    """Does a turn hold one call at most?"""
    return all(form.between is None for form in family.forms)


# ---------------------------------------------------------------------- which calls, and how many


@each(CASES)
def test_which_tools_are_called_and_how_often_is_the_requests(family: str, text: bool):
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "now"}]}
    for choice, parallel, calls, wanted in (
        ("auto", True, (), True),
        ("auto", True, (CALL,), True),
        ("auto", True, (CALL, NOW_CALL), not is_single(FORMATS[family])),
        ("auto", False, (CALL, NOW_CALL), False),
        ("required", True, (), False),
        ("required", True, (CALL, CALL), not is_single(FORMATS[family])),
        ("required", False, (CALL,), True),
        ("required", False, (CALL, CALL), False),
        ({"type": "function", "name": "now"}, True, (NOW_CALL,), True),
        ({"type": "function", "name": "now"}, True, (CALL,), False),
        ({"type": "function", "name": "now"}, True, (NOW_CALL, NOW_CALL), False),
        (allowed, True, (NOW_CALL,), True),
        (allowed, True, (CALL,), False),
        ("required", True, (WrittenCall("get_time", {}),), False),
    ):
        grammar = compiled(family, text, tool_choice=choice, parallel_tool_calls=parallel)
        tokens = written(grammar, *calls, text="" if calls else "Hello.")
        assert accepts(grammar, tokens) == wanted, (choice, parallel, calls)


@each(CASES)
def test_where_no_call_may_start_none_does(family: str, text: bool):
    """In any of the family's forms, at the start and behind text; what may be written all the same is text."""
    for tools, choice in (((WEATHER, NOW), "none"), ((), "auto")):
        grammar = compiled(family, text, tools, tool_choice=choice)
        for form in range(len(FORMATS[family].forms)):
            call = render_calls(FORMATS[family], [CALL], form=form)
            for before in ("", "Sure. ", "all\n", *(FORMATS[family].answer[:1])):
                matcher, tokens = grammar.matcher(), tokens_of(before + call, grammar.vocabulary)
                read(matcher, tokens)
                assert not frame(grammar, matcher.tokens).calls
        assert accepts(grammar, written(grammar, text="Hello."))
        if choice == "none":
            assert not accepts(grammar, written(grammar, CALL))


# Calls that begin like JSON, with a bracket, or with `f` as in `false`.
LIKE_JSON = {
    *((family, text) for family in ("xlam", "phi-4-mini-functools") for text in (False, True)),
    *((family, True) for family in ("mistral-v3", "mistral-v11", "mistral-v13")),
}


@each(CASES)
def test_an_answer_is_in_the_schema_or_there_are_calls_or_it_is_refused(family: str, text: bool):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    forced = compiled(family, text, response_format=wanted, tool_choice="required")
    assert accepts(forced, written(forced, CALL))
    if (family, text) in LIKE_JSON:
        with pytest.raises(UnsupportedFeature) as caught:
            compiled(family, text, response_format=wanted)
        assert caught.value.where == "response_format"
        return
    grammar = compiled(family, text, response_format=wanted)
    assert accepts(grammar, written(grammar, text='{"n": 3}'))
    assert not accepts(grammar, written(grammar, text="Hello."))
    assert not accepts(grammar, written(grammar, text='{"n": "3"}'))
    assert any(accepts(grammar, turn) for turn in called_in_every_form(grammar))


def called_in_every_form(grammar: ToolGrammar) -> Iterator[list[int]]:
    """Turns with one call and no text."""
    family = grammar.turn.format
    before = family.answer[1] if family.answer_first else ""
    for form in range(len(family.forms)):
        call = render_calls(family, [CALL], form=form)
        yield tokens_of(before + call + family.ending, grammar.vocabulary)


# ---------------------------------------------------------------------- values


def ends_of_values(family: ToolFormat) -> str:
    """What a family writes behind a string."""
    match family.arguments:
        case Json():
            return ""
        case Tags(quotes=quotes) as tags:
            return tags.closes + (quotes[1] if quotes else "")
        case Nested() as nested:
            return nested.closes
        case Literals() as literals:
            return literals.quote


@each(CASES)
def test_inside_a_value_there_are_no_control_tokens(family: str, text: bool):
    """Not the end of the turn, not what opens a call, nothing but the token that ends the value, if it is one."""
    grammar = compiled(family, text, tool_choice="required")
    tokens = written(grammar, CALL)
    middle = next(at for at in range(len(tokens)) if tokens[at : at + 4] == list(b"Rome")) + 2
    matcher = grammar.matcher()
    assert read(matcher, tokens[:middle])
    control = {token for token in tokens_in(matcher.bitmask()) if token >= 256}
    ending = tokens_of(ends_of_values(FORMATS[family]).strip(), grammar.vocabulary)
    assert control <= set(ending[:1])


HELD = {
    "enum": ({"enum": ["fast", "slow", 3, None]}, ["fast", 3, None], ["fas", "4", 4, ""]),
    "const": ({"const": "a b"}, ["a b"], ["ab", "a b "]),
    "pattern": ({"type": "string", "pattern": "^[A-Z]{2}$"}, ["AB"], ["A", "ABC", "ab"]),
    "length": ({"type": "string", "minLength": 1, "maxLength": 3}, ["a", "é☃é"], ["", "abcd"]),
    "format": ({"type": "string", "format": "date"}, ["2026-11-23"], ["2026-13-23", "today"]),
    "number": ({"type": "integer", "minimum": -1, "maximum": 9}, [0, -1, 9], [10, -2, "x"]),
    "word": ({"type": ["boolean", "null"]}, [True, False, None], [0, "yes"]),
    "list": ({"type": "array", "items": {"type": "integer"}, "maxItems": 2}, [[], [1, 2]], [[1, 2, 3], ["x"]]),
    "object": (
        {"type": "object", "properties": {"k": {"enum": ["v"]}}, "additionalProperties": False},
        [{}, {"k": "v"}],
        [{"k": "w"}, {"j": 1}],
    ),
}


@each(CASES)
def test_values_are_held_to_their_schema(family: str, text: bool):
    for name, (schema, accepted, refused) in HELD.items():
        grammar = compiled(family, text, [tool("f", v=schema)], tool_choice="required")
        fits = [
            value
            for value in (*accepted, *refused)
            if accepts(grammar, written(grammar, WrittenCall("f", {"v": value})))
        ]
        assert fits == accepted, name


@each([case for case in CASES if isinstance(FORMATS[case[0]].arguments, Tags | Nested)])
def test_a_string_between_tags_cannot_hold_the_tag_that_ends_it(family: str, text: bool):
    closes = ends_of_values(FORMATS[family]).strip()
    grammar = compiled(family, text, [tool("f", v={"type": "string"}, w={"type": "string"})], tool_choice="required")
    begins = not any(token in closes[:-1] for token in grammar.vocabulary.control)  # a token is none of text
    for value, wanted in ((f"a{closes[:-1]}", begins), (f"a{closes} b", False), (closes, False)):
        assert accepts(grammar, written(grammar, WrittenCall("f", {"v": value, "w": "x"}))) == wanted, value


# ---------------------------------------------------------------------- reasoning


def section(family: str) -> tuple[str, str]:
    found = FORMATS[family].reasoning
    assert found is not None
    return found.opens, found.closes


def after_reasoning(family: str) -> str:
    """What stands between the end of reasoning and the answer or calls, so that `whole_turn` can follow."""
    record = FORMATS[family]
    if record.messages is not None:
        return record.messages.next
    return record.answer[0] if record.answer_first else ""


@each(THINKING)
def test_reasoning_comes_before_calls_and_answers(family: str, text: bool):
    opens, closes = section(family)
    for reasoning, before in (("opened", "hm"), ("free", f"{opens}hm"), ("free", opens)):
        grammar = compiled(family, text, reasoning=reasoning)
        for calls, said in (((CALL,), ""), ((), "Hello.")):
            turn = before + closes + after_reasoning(family) + whole_turn(FORMATS[family], said, calls)
            tokens = tokens_of(turn, grammar.vocabulary)
            assert accepts(grammar, tokens), turn
            told = frame(grammar, tokens)
            assert (told.reasoning, told.text, len(told.calls)) == (before.removeprefix(opens), said, len(calls))


@each(THINKING)
def test_no_call_opens_while_reasoning(family: str, text: bool):
    for reasoning in ("opened", "free"):
        grammar = compiled(family, text, reasoning=reasoning)
        before = "hm " if reasoning == "opened" else f"{section(family)[0]}hm "
        for opening in openings(FORMATS[family]):
            matcher = grammar.matcher()
            assert read(matcher, tokens_of(before, grammar.vocabulary))
            assert not read(matcher, tokens_of(opening, grammar.vocabulary)), opening


def openings(family: ToolFormat) -> Iterator[str]:
    """What calls begin with, of forms that are not told by their place."""
    for form in family.forms:
        parts = form.call[: form.call.index(Slot.ARGUMENTS)]
        texts = [part if isinstance(part, str) else "now" if part is Slot.NAME else "" for part in parts]
        if not form.at_start and family.messages is None:
            yield form.opens + "".join(texts)


@each(THINKING)
def test_reasoning_is_closed_at_its_limit(family: str, text: bool):
    opens, _ = section(family)
    for reasoning in ("opened", "free"):
        grammar = compiled(family, text, reasoning=reasoning, tool_choice="required")
        assert grammar.reasoning is not None
        limited = Limited(grammar.matcher(), grammar.reasoning, 4)
        for token in tokens_of("" if reasoning == "opened" else opens, grammar.vocabulary):
            limited.advance(token)
        thought = 0
        while limited.in_section and limited.matcher.allows(ord("x")) and limited.bitmask()[ord("x") >> 5] >> 24 & 1:
            limited.advance(ord("x"))
            thought += 1
        for token in limited.matcher.shortest_tokens() if not limited.in_section else closing(limited):
            limited.advance(token)
        told = frame(grammar, limited.tokens)
        assert thought == 4
        assert told.reasoning == "xxxx"
        assert len(told.calls) == 1


def closing(limited: Limited) -> Iterator[int]:
    """The only token that may come while the section closes, then the shortest way out."""
    while limited.in_section:
        (token,) = tokens_in(limited.bitmask())
        yield token
    yield from limited.matcher.shortest_tokens()


@pytest.mark.parametrize("family", [family for family, text in THINKING if not text])
def test_a_prompt_says_where_reasoning_is(family: str):
    opens, closes = section(family)
    record = FORMATS[family]
    assert reasoning_in(f"Hello.{opens}", record) == "opened"
    if record.messages is None:
        assert reasoning_in(f"Hello.{opens}\n{closes}\n\n", record) == "none"
        assert reasoning_in("Hello.", record) is None
    else:
        assert reasoning_in(f"Hello.{record.messages.next}", record) == "free"

"""The framer: from the pieces of a turn to events."""

import json
from typing import Any

import pytest

from constrained import Vocabulary
from constrained.errors import UnsupportedFeature
from grammars.tools.compile import ToolGrammar, compile_tools
from grammars.tools.events import ArgumentsDelta, CallFinished, CallStarted, Finished, ReasoningDelta, TextDelta
from grammars.tools.rendering import WrittenCall, render_calls
from grammars.tools.tables import FORMATS
from tests.conformance.tools.vocabularies import NEEDS_TOKENS
from tests.conformance.tools.walks import whole_turn

TOOLS = [
    {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer"},
                "place": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
                "note": {},
            },
        },
    },
    {"name": "now"},
]
BYTES = [bytes((byte,)) for byte in range(256)]
TEXT_ONLY = Vocabulary.from_spellings([*BYTES, None], [256])


def grammar(family: str, vocabulary: Vocabulary = TEXT_ONLY, **more: Any) -> ToolGrammar:
    return compile_tools(TOOLS, vocabulary, format=family, **{"reasoning": "free", **more})


def calls_in(events: list[Any]) -> list[tuple[str, Any]]:
    started = {event.index: event.name for event in events if isinstance(event, CallStarted)}
    texts = dict.fromkeys(started, "")
    for event in events:
        if isinstance(event, ArgumentsDelta):
            texts[event.index] += event.text
    return [(name, json.loads(texts[index])) for index, name in started.items()]


ARGUMENTS = {
    "city": 'São "Paulo" it\'s <here>\n\tx\\',
    "days": 3,
    "place": {"a": "b'c\"", "d": None},
    "note": [1.5, True, {"k": "v"}],
}
FAMILIES = [name for name in FORMATS if name not in NEEDS_TOKENS]


@pytest.mark.parametrize("family", FAMILIES)
def test_arguments_come_out_as_json_whatever_the_hand(family: str):
    calls = [WrittenCall("get_weather", ARGUMENTS), WrittenCall("now", {})]
    calls = calls[:1] if FORMATS[family].forms[0].between is None else calls
    text = whole_turn(FORMATS[family], "", calls).encode()
    framer = grammar(family, reasoning="none").framer()
    events = [*framer.feed(text), *framer.finish()]
    assert calls_in(events) == [(call.name, call.arguments) for call in calls]
    assert sum(isinstance(event, CallFinished) for event in events) == len(calls)
    assert events[-1] == Finished("tool_calls")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_grammar_accepts_what_is_rendered(family: str):
    text = whole_turn(FORMATS[family], "", [WrittenCall("get_weather", ARGUMENTS)]).encode()
    matcher = grammar(family, tool_choice="required", reasoning="none").matcher()
    for byte in text:
        matcher.advance(byte)
    assert matcher.is_accepting


def test_text_is_passed_on_as_soon_as_no_call_can_begin_in_it():
    framer = grammar("hermes").framer()
    assert framer.feed(b"Sure") == [TextDelta("Sure")]
    assert framer.feed(b" <tool") == []
    assert framer.feed(b"box>") == [TextDelta(" <toolbox>")]
    assert framer.feed(b"\n\n<tool_call>\n{") == []
    (started,) = framer.feed(b'"name": "now", "arguments": ')
    assert isinstance(started, CallStarted)
    assert framer.feed(b"{") == [ArgumentsDelta(0, "{")]
    assert framer.feed(b"}") == [ArgumentsDelta(0, "}"), CallFinished(0)]
    assert framer.feed(b"}\n</tool_call>") == []
    assert framer.finish() == [Finished("tool_calls")]


def test_reasoning_loses_the_line_breaks_next_to_its_markers():
    framer = grammar("hermes").framer()
    events = [*framer.feed(b"<think>\nwell\nso"), *framer.feed(b"\n</think>\n\nYes\n"), *framer.finish()]
    assert events == [ReasoningDelta("well\nso"), TextDelta("Yes"), TextDelta("\n"), Finished("stop")]


def test_a_prompt_that_opened_the_section_is_understood():
    framer = grammar("hermes", reasoning="opened").framer()
    assert framer.in_reasoning
    assert framer.feed(b"well</think>ok") == [ReasoningDelta("well"), TextDelta("ok")]
    assert not framer.in_reasoning


def test_characters_are_not_cut():
    framer = grammar("hermes").framer()
    assert framer.feed("é".encode()[:1]) == []
    assert framer.feed("é".encode()[1:]) == [TextDelta("é")]


def test_a_turn_that_is_cut_off_says_so_and_gives_what_was_held():
    framer = grammar("hermes").framer()
    assert [*framer.feed(b"a <tool_c"), *framer.finish(cut=True)] == [
        TextDelta("a"),
        TextDelta(" <tool_c"),
        Finished("length"),
    ]


def test_a_token_that_is_a_marker_and_text_that_spells_it_are_told_apart():
    vocabulary = Vocabulary.from_spellings([*BYTES, None, None, None], [256], {"<tool_call>": 257, "</tool_call>": 258})
    framer = grammar("hermes", vocabulary, reasoning="none").framer()
    assert framer.feed(b"<tool_call>") == [TextDelta("<tool_call>")]
    framer.feed(257)
    events = framer.feed(b'\n{"name": "get_weather", "arguments": {"city": "</tool_call>"}}\n')
    events += [*framer.feed(258), *framer.finish()]
    assert calls_in(events) == [("get_weather", {"city": "</tool_call>"})]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("3", 3),
        ("3x", "3x"),
        ("null", None),
        ("nullable", "nullable"),
        ("[1]", [1]),
        ("true", True),
        ("True", True),
        ("None", None),
        ("none", "none"),
        ("", ""),
    ],
)
def test_a_text_that_reads_as_another_kind_is_that(written: str, read: Any):
    text = f"<tool_call>\n<function=get_weather>\n<parameter=note>\n{written}\n</parameter>\n</function>\n</tool_call>"
    framer = grammar("qwen3-coder").framer()
    events = [*framer.feed(text.encode()), *framer.finish()]
    assert calls_in(events) == [("get_weather", {"note": read})]


def test_ids_are_the_models_own_where_it_has_them_in_time():
    text = "[TOOL_CALLS]now[CALL_ID]abcABC123[ARGS]{}"
    framer = grammar("mistral-v11").framer()
    (started, *_) = framer.feed(text.encode())
    assert started == CallStarted(0, "abcABC123", "now")


def test_kimi_numbers_its_calls_through_the_conversation():
    family = FORMATS["kimi-k2"]
    text = render_calls(family, [WrittenCall("now", {}), WrittenCall("now", {})], first_index=4)
    compiled = grammar("kimi-k2", first_index=4)
    framer = compiled.framer()
    started = [event for event in framer.feed(text.encode()) if isinstance(event, CallStarted)]
    assert [one.id for one in started] == ["functions.now:4", "functions.now:5"]
    matcher = compiled.matcher()
    for byte in text.encode():
        matcher.advance(byte)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"type": "regex", "pattern": r"\n+ab\s*"}, "\n\nab \n"),
        ({"type": "choice", "choices": ["\n", "a"]}, "\n"),
        ({"type": "grammar", "definition": r'start: "\n" "x"+'}, "\nxx"),
    ],
)
@pytest.mark.parametrize("reasoning", ["none", "opened"])
def test_an_answer_that_is_any_text_is_said_to_the_letter(answer, text, reasoning):
    grammar = compile_tools([], TEXT_ONLY, format="hermes", response_format=answer, reasoning=reasoning)
    written = ("Hm</think>" if reasoning == "opened" else "") + text
    matcher, framer = grammar.matcher(), grammar.framer()
    events = []
    for byte in written.encode():
        matcher.advance(byte)
        events += framer.feed(bytes((byte,)))
    assert matcher.is_accepting
    events += framer.finish()
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == text


def test_calls_beside_an_answer_that_is_any_text_are_refused():
    with pytest.raises(UnsupportedFeature, match="cannot tell calls"):
        compile_tools([{"name": "f"}], TEXT_ONLY, format="hermes", response_format={"type": "choice", "choices": ["a"]})

"""Whatever conversation a client sends back: every chat template renders it, or its mistake is named."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrained.errors import GrammarError, InvalidGrammar
from grammars.tools.conventions import Conventions
from grammars.tools.conversation import DEPTH
from grammars.tools.definitions import read_tools
from grammars.tools.detection import detect_format
from grammars.tools.history import template_messages, template_tools
from tests.conformance.tools.requests import WIDE
from tests.conformance.tools.templates import NAMES, conventions, render, template

pytestmark = pytest.mark.shared

texts = st.text(max_size=12) | st.sampled_from(
    [
        "",
        "\ud800",
        "\n",
        "</think>",
        "<think>x",
        "<|channel|>analysis<|message|>x",
        "[TOOL_CALLS]",
        "{{ x }}",
        "<tool_call>",
    ]
)
contents = st.one_of(
    texts,
    st.none(),
    st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": texts}), max_size=2),
    st.lists(st.fixed_dictionaries({"type": st.just("input_text"), "text": texts}), max_size=2),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab_", min_size=1), inner, max_size=2),
    max_leaves=4,
)
arguments = st.dictionaries(st.sampled_from(["city", "days", "n"]), values, max_size=2)


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A conversation as a client may send it: well formed, in any of its spellings."""
    leading = st.fixed_dictionaries({"role": st.sampled_from(["system", "developer"]), "content": contents})
    messages: list[dict[str, Any]] = draw(st.lists(leading, max_size=2))
    number = 0
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["user", "user", "assistant", "calls", "calls", "system"]))
        if kind != "calls":
            messages.append({"role": kind, "content": draw(contents)})
            continue
        calls: list[dict[str, Any]] = []
        for _ in range(draw(st.integers(1, 3))):
            given_ = draw(arguments)
            spelled = json.dumps(given_) if draw(st.booleans()) else given_
            call_id = draw(st.sampled_from(["call_{}", "toolu_{}_x", "a{:08}"])).format(number)
            function = {"name": draw(st.sampled_from(["get_weather", "now"])), "arguments": spelled}
            calls.append({"id": call_id, "type": "function", "function": function})
            number += 1
        message = {"role": "assistant", "content": draw(contents), "tool_calls": calls}
        if draw(st.booleans()):
            message["reasoning_content"] = draw(texts)
        messages.append(message)
        results = [{"role": "tool", "tool_call_id": call["id"], "content": draw(contents)} for call in calls]
        messages += draw(st.permutations(results))
    messages.append({"role": "user", "content": draw(contents)})
    return messages


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25)
@given(messages=conversations())
def test_no_history_crashes_a_template(name: str, messages: list[dict[str, Any]]):
    family, wishes = detect_format(None, template(name)), conventions(name)
    tools = template_tools(read_tools(WIDE), wishes)
    rendered = render(name, template_messages(messages, wishes, family), tools)
    assert rendered.encode()


@st.composite
def broken(draw: st.DrawFn) -> list[Any]:
    """A conversation in which something is lost, doubled, moved, or not what it should be."""
    messages: list[Any] = draw(conversations())
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(messages) - 1))
        match draw(st.sampled_from(["lose", "double", "move", "replace", "field", "field", "call", "call"])):
            case "lose" if len(messages) > 1:
                del messages[place]
            case "double":
                messages.insert(place, messages[place])
            case "move":
                messages.insert(draw(st.integers(0, len(messages) - 1)), messages.pop(place))
            case "replace":
                messages[place] = draw(odd)
            case "field" if isinstance(messages[place], dict) and messages[place]:
                key = draw(st.sampled_from([*messages[place], "tool_calls", "tool_call_id", "role", "content"]))
                messages[place] = {**messages[place], key: draw(odd)}
            case "call" if isinstance(messages[place], dict) and isinstance(messages[place].get("tool_calls"), list):
                calls = [draw(odd_calls) if draw(st.booleans()) else call for call in messages[place]["tool_calls"]]
                messages[place] = {**messages[place], "tool_calls": calls}
            case _:
                pass
    return messages


odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=4),
    st.lists(st.none() | st.integers() | st.just({"type": "image_url"}), max_size=2),
    st.dictionaries(st.sampled_from(["role", "id", "type", "function", "name"]), st.text(max_size=3), max_size=2),
    st.sampled_from(["tool", "assistant", "user", "system", "call_0", [{"type": "text"}], [{"text": 1}]]),
)
odd_arguments = st.one_of(
    odd, st.sampled_from(["[" * 3000, '{"a":' * 3000, "{", "NaN", '{"a": NaN}', '{"a": 1e999}', {"a": {1, 2}}, "null"])
)
odd_names = st.sampled_from(["now", "", "a b", "</x>"])
odd_calls = st.one_of(
    odd,
    st.fixed_dictionaries({"id": odd, "function": odd}),
    st.fixed_dictionaries({"id": odd, "custom": st.fixed_dictionaries({"name": odd, "input": odd})}),
    st.fixed_dictionaries(
        {
            "id": st.sampled_from(["call_0", "call_1", "x"]),
            "function": st.fixed_dictionaries({"name": odd_names, "arguments": odd_arguments}),
        }
    ),
)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20)
@given(messages=broken())
def test_what_is_wrong_with_a_history_is_named_or_it_is_rendered(name: str, messages: list[Any]):
    family, wishes = detect_format(None, template(name)), conventions(name)
    where, converted = "messages", list[Any]()
    try:
        converted = template_messages(messages, wishes, family)
    except GrammarError as error:
        where = error.where
    assert where.startswith("messages")
    assert not converted or render(name, converted, template_tools(read_tools(WIDE), wishes)).encode()


@pytest.mark.parametrize("name", NAMES)
def test_arguments_may_be_nested_deeply_but_not_without_end(name: str):
    family, wishes = detect_format(None, template(name)), conventions(name)
    for shell in ("[{}]", '{{"a": {}}}'):
        for depth, fits in ((DEPTH - 1, True), (DEPTH, False)):
            inner = "1"
            for _ in range(depth):
                inner = shell.format(inner)
            said = {"id": "a", "type": "function", "function": {"name": "f", "arguments": f'{{"a": {inner}}}'}}
            messages = [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": None, "tool_calls": [said]},
                {"role": "tool", "tool_call_id": "a", "content": "ok"},
            ]
            if fits:
                assert render(name, template_messages(messages, wishes, family), [] if wishes.wants_tools else None)
            else:
                with pytest.raises(InvalidGrammar, match="deeper"):
                    template_messages(messages, wishes, family)


@given(messages=conversations())
def test_calls_and_results_come_out_in_the_order_of_the_calls(messages: list[dict[str, Any]]):
    wishes = Conventions(one_call=True, short_ids=True)
    converted = template_messages(messages, wishes, detect_format(None, ""))
    expected = [call["function"]["name"] for message in messages for call in message.get("tool_calls", ())]
    called = [call for message in converted for call in message.get("tool_calls", ())]
    assert [call["function"]["name"] for call in called] == expected
    results = [message for message in converted if message["role"] == "tool"]
    assert [result["tool_call_id"] for result in results] == [call["id"] for call in called]
    assert all(len(call["id"]) == 9 and call["id"].isalnum() for call in called)
    assert len({call["id"] for call in called}) == len(called)
    assert all(isinstance(call["function"]["arguments"], dict) for call in called)

"""Mistakes in a conversation are named with their place; the rest is made into what a template takes."""

import json
import math
from typing import Any

import pytest

from constrained.errors import GrammarError, InvalidGrammar, UnsupportedFeature
from grammars.tools.conventions import Conventions
from grammars.tools.conversation import count_calls
from grammars.tools.history import template_messages
from grammars.tools.tables import FORMATS

HERMES = FORMATS["hermes"]


def call(call_id: str, arguments: Any = "{}", name: str = "f") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def calls(*entries: dict[str, Any], content: Any = None) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "tool_calls": list(entries)}


def result(call_id: str, content: Any = "ok") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


USER = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    ("messages", "error", "where"),
    [
        ({}, InvalidGrammar, "messages"),
        ([{"role": "robot"}], InvalidGrammar, "messages[0].role"),
        ([{"role": "user", "content": 3}], InvalidGrammar, "messages[0].content"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], UnsupportedFeature, "messages[0].content[0].type"),
        ([{"role": "tool", "content": "x"}], InvalidGrammar, "messages[0].tool_call_id"),
        ([result("a")], InvalidGrammar, "messages[0].tool_call_id"),
        ([USER, calls(call("a"))], InvalidGrammar, "messages[1].tool_calls[0].id"),
        ([USER, calls(call("a"), call("b")), result("b")], InvalidGrammar, "messages[1].tool_calls[0].id"),
        ([USER, calls(call("a")), USER, result("a")], InvalidGrammar, "messages[1].tool_calls[0].id"),
        ([calls(call("a")), result("a"), result("a")], InvalidGrammar, "messages[2].tool_call_id"),
        ([calls(call("a"), call("b")), result("a"), result("a")], InvalidGrammar, "messages[2].tool_call_id"),
        ([calls(call("a")), result("b")], InvalidGrammar, "messages[1].tool_call_id"),
        ([calls(call("a"), call("a")), result("a")], InvalidGrammar, "messages[0].tool_calls[1].id"),
        ([calls(call("a", "{")), result("a")], InvalidGrammar, "messages[0].tool_calls[0].function.arguments"),
        ([calls(call("a", "[]")), result("a")], InvalidGrammar, "messages[0].tool_calls[0].function.arguments"),
        ([calls({"type": "function", "function": {"name": "f"}})], InvalidGrammar, "messages[0].tool_calls[0].id"),
        ([calls({"id": "a", "web_search": {}})], UnsupportedFeature, "messages[0].tool_calls[0]"),
        ([calls({"id": "a", "custom": {}})], InvalidGrammar, "messages[0].tool_calls[0].custom.name"),
        ([calls({"id": "a", "custom": {"name": "f"}})], InvalidGrammar, "messages[0].tool_calls[0].custom.input"),
    ],
)
def test_mistakes_are_named_with_their_place(messages: Any, error: type[GrammarError], where: str):
    with pytest.raises(error) as caught:
        template_messages(messages, Conventions(), HERMES)
    assert caught.value.where == where


def test_a_call_of_a_custom_tool_is_shown_as_one_of_a_function_with_one_text():
    called = {"id": "a", "type": "custom", "custom": {"name": "f", "input": 'say "hi"'}}
    found = template_messages([USER, calls(called, call("b")), result("a"), result("b")], Conventions(), HERMES)
    assert found[1]["tool_calls"][0]["function"] == {"name": "f", "arguments": {"input": 'say "hi"'}}
    assert [message.get("name") for message in found] == [None, None, "f", "f"]


def test_results_are_put_in_the_order_of_the_calls():
    messages = [USER, calls(call("a"), call("b")), result("b", "second"), result("a", "first")]
    found = template_messages(messages, Conventions(), HERMES)
    assert [message["content"] for message in found[2:]] == ["first", "second"]


def test_one_call_per_message_where_the_template_takes_no_more():
    messages = [USER, calls(call("a"), call("b"), content="Sure."), result("b", "2"), result("a", "1")]
    found = template_messages(messages, Conventions(one_call=True), HERMES)
    assert [(one["role"], one["content"]) for one in found] == [
        ("user", "hi"),
        ("assistant", "Sure."),
        ("tool", "1"),
        ("assistant", ""),
        ("tool", "2"),
    ]


@pytest.mark.parametrize("arguments", ['{"x": 1}', {"x": 1}])
@pytest.mark.parametrize(("wish", "wanted"), [("object", {"x": 1}), ("text", '{"x": 1}')])
def test_arguments_are_an_object_or_text_as_the_template_expects(arguments: Any, wish: Any, wanted: Any):
    found = template_messages([calls(call("a", arguments)), result("a")], Conventions(arguments=wish), HERMES)
    assert found[0]["tool_calls"][0]["function"]["arguments"] == wanted


def test_ids_become_nine_letters_or_digits_where_the_template_insists():
    found = template_messages([calls(call("call_1")), result("call_1")], Conventions(short_ids=True), HERMES)
    short = found[0]["tool_calls"][0]["id"]
    assert len(short) == 9
    assert short.isalnum()
    assert found[1]["tool_call_id"] == short


def test_a_template_that_wants_a_question_gets_one():
    messages = [{"role": "system", "content": "Be brief."}, {"role": "assistant", "content": "Hello"}]
    found = template_messages(messages, Conventions(wants_user=True), HERMES)
    assert [(one["role"], one["content"]) for one in found] == [
        ("system", "Be brief."),
        ("user", ""),
        ("assistant", "Hello"),
    ]


@pytest.mark.parametrize("arguments", ["[" * 3000, {"a": [[[[1]]] * 2] * 2}, '{"a": ' * 70 + "1" + "}" * 70])
def test_arguments_without_end_are_refused(arguments: Any):
    deep: Any = arguments
    if isinstance(deep, dict):
        for _ in range(70):
            deep = {"a": deep}
    with pytest.raises(InvalidGrammar, match="deeper") as caught:
        template_messages([calls(call("a", deep)), result("a")], Conventions(), HERMES)
    assert caught.value.where == "messages[0].tool_calls[0].function.arguments"


@pytest.mark.parametrize("value", ["NaN", "Infinity", "digits", "set", "bytes"])
def test_what_is_no_json_is_refused(value: str):
    odd = {"NaN": math.nan, "Infinity": math.inf, "digits": 10**5000, "set": {1}, "bytes": b"x"}[value]
    with pytest.raises(InvalidGrammar):
        template_messages([calls(call("a", {"x": [odd]})), result("a")], Conventions(), HERMES)


def test_lone_surrogates_become_replacement_characters_everywhere():
    said = calls(call("a", '{"\\ud800": "\\udc00"}', name="\ud800"), content="\ud800")
    said["reasoning_content"] = "\udfff"
    found = template_messages([said, result("a", "\ud800")], Conventions(), HERMES)
    assert json.dumps(found, ensure_ascii=False).encode()


def test_text_beside_calls_is_a_message_of_its_own_where_the_template_would_lose_it():
    messages = [USER, calls(call("a"), content="Sure."), result("a")]
    found = template_messages(messages, Conventions(text_beside_calls=False), HERMES)
    assert [(one["role"], one["content"]) for one in found] == [
        ("user", "hi"),
        ("assistant", "Sure."),
        ("assistant", ""),
        ("tool", "ok"),
    ]
    assert "tool_calls" in found[2]


def test_kimi_counts_its_calls_through_the_conversation():
    messages = [calls(call("x"), call("y", name="g")), result("x"), result("y"), calls(call("z")), result("z")]
    found = template_messages(messages, Conventions(), FORMATS["kimi-k2"])
    ids = [one["id"] for message in found for one in message.get("tool_calls", ())]
    assert ids == ["functions.f:0", "functions.g:1", "functions.f:2"]
    assert count_calls(messages) == 3


def test_calls_become_text_where_the_template_leaves_them_out():
    messages = [calls(call("a", '{"x": 1}'), content="Sure."), result("a")]
    found = template_messages(messages, Conventions(writes_calls=False, tool_role=False), HERMES)
    assert found[0]["content"] == 'Sure.\n<tool_call>\n{"name": "f", "arguments": {"x": 1}}\n</tool_call>'
    assert "tool_calls" not in found[0]
    assert found[1]["role"] == "user"


def test_a_developer_is_the_system_and_late_words_go_first_where_they_must():
    messages = [{"role": "developer", "content": "a"}, USER, {"role": "system", "content": "b"}]
    found = template_messages(messages, Conventions(late_system=False), HERMES)
    assert [(one["role"], one["content"]) for one in found] == [("system", "a\n\nb"), ("user", "hi")]
    found = template_messages(messages, Conventions(system=False), HERMES)
    assert [(one["role"], one["content"]) for one in found] == [("user", "a\n\nb\n\nhi")]


def test_neighbours_of_one_role_are_joined_where_roles_must_alternate():
    found = template_messages([USER, USER], Conventions(runs=False), HERMES)
    assert [(one["role"], one["content"]) for one in found] == [("user", "hi\n\nhi")]


def test_gpt_oss_takes_reasoning_under_its_own_name_and_one_text_beside_a_call():
    message = {**calls(call("a"), content="Let me see."), "reasoning_content": "Hm."}
    found = template_messages([message, result("a")], Conventions(), FORMATS["gpt-oss"])
    assert found[0]["thinking"] == "Hm.\n\nLet me see."
    assert found[0]["content"] == ""

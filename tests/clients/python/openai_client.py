"""openai: chat, parse, the stream helper, responses, custom tools."""

import json
from typing import Literal

import openai
from checks import MODEL, URL, check, run, weather
from pydantic import BaseModel, Field

client = openai.OpenAI(base_url=URL, api_key="none", max_retries=0, timeout=300)
ASK = [{"role": "user", "content": "What is the weather in Paris?"}]
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}, "unit": {"enum": ["c", "f"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}
FLAT = {"type": "function", **TOOL["function"]}


class Step(BaseModel):
    explanation: str = Field(max_length=30)
    output: str = Field(max_length=10)


class Maths(BaseModel):
    steps: list[Step] = Field(max_length=2)
    final_answer: int
    mood: Literal["good", "bad"]


@check
def two_turns_with_a_tool():
    asked = {"model": MODEL, "tools": [TOOL], "temperature": 0, "max_tokens": 100, "parallel_tool_calls": False}
    first = client.chat.completions.create(messages=ASK, tool_choice="required", **asked)
    (call,) = first.choices[0].message.tool_calls
    arguments = json.loads(call.function.arguments)
    assert first.choices[0].finish_reason == "tool_calls"
    assert set(arguments) == {"city", "unit"}
    result = {"role": "tool", "tool_call_id": call.id, "content": weather(arguments["city"])}
    said = [*ASK, first.choices[0].message, result]
    second = client.chat.completions.create(messages=said, tool_choice="none", **{**asked, "max_tokens": 20})
    assert second.choices[0].message.content
    assert second.usage.prompt_tokens_details.cached_tokens > first.usage.prompt_tokens / 2
    return arguments, second.choices[0].message.content


@check
def parse():
    made = client.chat.completions.parse(
        model=MODEL, messages=ASK, response_format=Maths, max_tokens=200, temperature=0
    )
    assert isinstance(made.choices[0].message.parsed, Maths)
    return made.choices[0].message.parsed


@check
def parse_a_call():
    class GetWeather(BaseModel):
        city: str = Field(max_length=20)

    tool = openai.pydantic_function_tool(GetWeather)
    made = client.chat.completions.parse(
        model=MODEL, messages=ASK, tools=[tool], tool_choice="required", parallel_tool_calls=False, max_tokens=100
    )
    (call,) = made.choices[0].message.tool_calls
    assert isinstance(call.function.parsed_arguments, GetWeather)
    return call.function.parsed_arguments


@check
def stream_helper():
    asked = {"model": MODEL, "messages": ASK, "tools": [TOOL], "tool_choice": "required", "temperature": 0}
    with client.chat.completions.stream(
        **asked, max_tokens=100, parallel_tool_calls=False, stream_options={"include_usage": True}
    ) as stream:
        kinds = [event.type for event in stream]
        made = stream.get_final_completion()
    assert kinds.count("tool_calls.function.arguments.done") == 1
    assert made.usage.completion_tokens > 10
    assert json.loads(made.choices[0].message.tool_calls[0].function.arguments)["city"]
    with client.chat.completions.stream(
        model=MODEL, messages=ASK, response_format=Maths, max_tokens=200, temperature=0
    ) as stream:
        kinds = {event.type for event in stream}
        made = stream.get_final_completion()
    assert {"content.delta", "content.done"} <= kinds
    assert isinstance(made.choices[0].message.parsed, Maths)
    return sorted(kinds)


@check
def raw_stream_and_logprobs():
    chunks = client.chat.completions.create(
        model=MODEL, messages=ASK, max_tokens=5, temperature=0, stream=True, logprobs=True
    )
    read = [chunk.choices[0] for chunk in chunks]
    scored = [one.logprobs.content for one in read if one.logprobs]
    assert sum(map(len, scored)) == 5
    assert read[-1].finish_reason == "length"
    return "".join(one.delta.content or "" for one in read)


@check
def responses_with_a_tool():
    asked = {"model": MODEL, "tools": [FLAT], "temperature": 0, "max_output_tokens": 100}
    first = client.responses.create(
        input="Weather in Paris?", tool_choice="required", parallel_tool_calls=False, **asked
    )
    call = first.output[-1]
    assert (call.type, first.status) == ("function_call", "completed")
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    second = client.responses.create(input=[result], previous_response_id=first.id, tool_choice="none", **asked)
    assert second.output_text
    assert client.responses.retrieve(first.id).id == first.id
    client.responses.delete(first.id)
    return call.arguments, second.output_text


@check
def responses_parse_and_stream():
    made = client.responses.parse(model=MODEL, input="1 + 1?", text_format=Maths, max_output_tokens=200, temperature=0)
    assert isinstance(made.output_parsed, Maths)
    with client.responses.stream(
        model=MODEL, input="1 + 1?", text_format=Maths, max_output_tokens=200, temperature=0
    ) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert isinstance(final.output_parsed, Maths)
    return final.output_parsed


@check
def custom_tools():
    lark = {"type": "grammar", "syntax": "lark", "definition": 'start: DIGIT "+" DIGIT\n%import common.DIGIT'}
    nested = {"type": "grammar", "grammar": {"syntax": "regex", "definition": r"^\d{4}-\d{2}-\d{2}$"}}
    made = client.chat.completions.create(
        model=MODEL,
        messages=ASK,
        tools=[{"type": "custom", "custom": {"name": "day", "format": nested}}],
        tool_choice={"type": "custom", "custom": {"name": "day"}},
        max_tokens=100,
    )
    (call,) = made.choices[0].message.tool_calls
    assert len(call.custom.input) == 10, call
    with client.responses.stream(
        model=MODEL,
        input="1 + 1",
        tools=[{"type": "custom", "name": "sum", "format": lark}],
        tool_choice="required",
        parallel_tool_calls=False,
        max_output_tokens=100,
    ) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert "response.custom_tool_call_input.done" in kinds
    assert len(final.output[-1].input) == 3
    return call.custom.input, final.output[-1].input


def refusal(kind, **asked):
    """The error of this kind that a request raises."""
    try:
        client.chat.completions.create(messages=ASK, **asked)
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


@check
def errors_have_their_types():
    unknown = refusal(openai.NotFoundError, model="gpt")
    bad = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "$ref": "http://x"}}}
    remote = refusal(openai.BadRequestError, model=MODEL, tools=[bad])
    assert unknown.code == "model_not_found"
    assert remote.param == "tools[0].function.parameters#/$ref", remote.param
    return remote.message


@check
def models():
    return [model.id for model in client.models.list()]


run()

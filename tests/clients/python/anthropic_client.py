"""anthropic: messages, streaming, tools, structured output, counting."""

import anthropic
from checks import MODEL, URL, check, run, weather
from pydantic import BaseModel

client = anthropic.Anthropic(base_url=URL.removesuffix("/v1"), api_key="none", max_retries=0, timeout=300)
ASK = [{"role": "user", "content": "What is the weather in Paris?"}]
TOOL = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


class Out(BaseModel):
    """Without lengths: this client does not send them, it only checks them afterwards."""

    a: str
    b: int


@check
def two_turns_with_a_tool():
    asked = {"model": MODEL, "max_tokens": 100, "tools": [TOOL]}
    choice = {"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True}
    first = client.messages.create(messages=ASK, tool_choice=choice, **asked)
    assert first.stop_reason == "tool_use"
    call = first.content[-1]
    result = {"type": "tool_result", "tool_use_id": call.id, "content": weather(call.input["city"])}
    said = [*ASK, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    second = client.messages.create(messages=said, tool_choice={"type": "none"}, **{**asked, "max_tokens": 20})
    assert second.content[0].type == "text"
    assert second.usage.cache_read_input_tokens > 0
    return call.input, second.content[0].text


@check
def stream():
    choice = {"type": "any", "disable_parallel_tool_use": True}
    with client.messages.stream(model=MODEL, max_tokens=100, messages=ASK, tools=[TOOL], tool_choice=choice) as events:
        kinds = [event.type for event in events]
        made = events.get_final_message()
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert made.content[-1].input["city"]
    with client.messages.stream(model=MODEL, max_tokens=10, messages=ASK) as events:
        text = "".join(events.text_stream)
    assert text
    return made.content[-1].input, text


@check
def structured_output():
    made = client.messages.parse(model=MODEL, max_tokens=100, messages=ASK, output_format=Out)
    assert isinstance(made.parsed_output, Out)
    return made.parsed_output


@check
def counting():
    counted = client.messages.count_tokens(model=MODEL, messages=ASK, tools=[TOOL]).input_tokens
    assert counted > 20
    return counted


@check
def errors_have_their_types():
    try:
        client.messages.create(model="claude", max_tokens=1, messages=ASK)
    except anthropic.NotFoundError as error:
        return error.message
    raise AssertionError("no error for an unknown model")


@check
def models():
    return [model.id for model in client.models.list()]


run()

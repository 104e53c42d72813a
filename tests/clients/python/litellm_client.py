"""litellm: completion, streaming, structured output, responses, and Anthropic's messages through it."""

import json
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # read when it is imported: nothing is fetched

import litellm
from checks import MODEL, URL, check, run, weather
from pydantic import BaseModel, Field

litellm.num_retries, litellm.suppress_debug_info = 0, True
ASKED = {"model": f"openai/{MODEL}", "api_base": URL, "api_key": "none", "timeout": 300}
SAID = [{"role": "user", "content": "What is the weather in Paris?"}]
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}},
            "required": ["city"],
        },
    },
}


class City(BaseModel):
    name: str = Field(max_length=20)
    people: int


@check
def two_turns_with_a_tool():
    first = litellm.completion(
        messages=SAID, tools=[TOOL], tool_choice="required", parallel_tool_calls=False, max_tokens=100, **ASKED
    )
    (call,) = first.choices[0].message.tool_calls
    arguments = json.loads(call.function.arguments)
    result = {"role": "tool", "tool_call_id": call.id, "content": weather(arguments["city"])}
    second = litellm.completion(
        messages=[*SAID, first.choices[0].message, result], tools=[TOOL], tool_choice="none", max_tokens=20, **ASKED
    )
    return arguments, second.choices[0].message.content


@check
def streaming_calls():
    chunks = list(
        litellm.completion(
            messages=SAID, tools=[TOOL], tool_choice="required", parallel_tool_calls=False, stream=True,
            stream_options={"include_usage": True}, max_tokens=100, **ASKED
        )
    )  # fmt: skip
    made = litellm.stream_chunk_builder(chunks)
    assert json.loads(made.choices[0].message.tool_calls[0].function.arguments)["city"]
    assert made.usage.completion_tokens > 5
    return made.choices[0].message.tool_calls[0].function.arguments


@check
def structured_output():
    made = litellm.completion(messages=SAID, response_format=City, max_tokens=100, **ASKED)
    return City.model_validate_json(made.choices[0].message.content)


@check
def responses():
    flat = {"type": "function", **TOOL["function"]}
    made = litellm.responses(input="Paris?", tools=[flat], tool_choice="required", max_output_tokens=200, **ASKED)
    return json.loads(made.output[-1].arguments)


@check
async def messages():
    tool = {"name": "get_weather", "input_schema": TOOL["function"]["parameters"]}
    made = await litellm.anthropic.messages.acreate(
        model=f"anthropic/{MODEL}", api_base=URL.removesuffix("/v1"), api_key="none", max_tokens=200, messages=SAID,
        tools=[tool], tool_choice={"type": "any"},
    )  # fmt: skip
    assert made["stop_reason"] == "tool_use"
    return made["content"][-1]["input"]


run()

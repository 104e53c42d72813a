"""langchain-openai: bound tools, an agent's turns, streaming, structured output three ways."""

from typing import Literal

from checks import MODEL, URL, check, run, weather
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field

model = ChatOpenAI(base_url=URL, api_key="none", model=MODEL, temperature=0, max_retries=0, max_tokens=120, timeout=300)


class City(BaseModel):
    """A city."""

    name: str = Field(max_length=20)
    size: Literal["s", "m", "l"]
    country: str | None = Field(default=None, max_length=20)


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return weather(city)


@check
def an_agent_turn():
    bound = model.bind_tools([get_weather], tool_choice="get_weather", parallel_tool_calls=False)
    said = [HumanMessage("What is the weather in Paris?")]
    first = bound.invoke(said)
    (call,) = first.tool_calls
    assert set(call["args"]) == {"city"}
    answered = model.bind_tools([get_weather]).invoke(
        [*said, first, ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"])], max_tokens=30
    )
    return call, answered.content or answered.tool_calls


@check
def streaming_calls():
    bound = model.bind_tools([get_weather], tool_choice="any", parallel_tool_calls=False)
    whole = None
    for piece in bound.stream("What is the weather in Oslo?", stream_usage=True):
        whole = piece if whole is None else whole + piece
    (call,) = whole.tool_calls
    assert call["name"] == "get_weather"
    assert whole.usage_metadata["output_tokens"] > 5
    return call


@check
def structured_output():
    found = []
    for method in ("json_schema", "function_calling"):
        made = model.with_structured_output(City, method=method).invoke("Paris")
        assert isinstance(made, City)
        found.append(made)
    made = model.with_structured_output(City.model_json_schema(), method="json_schema", strict=True).invoke("Paris")
    City.model_validate(made)
    assert model.with_structured_output(None, method="json_mode").invoke("Paris in JSON") is not None
    return [*found, made]


@check
def structured_stream():
    pieces = list(model.with_structured_output(City, method="json_schema").stream("Paris"))
    assert isinstance(pieces[-1], City)
    return pieces[-1]


@check
async def asynchronous():
    return (await model.ainvoke("Hello.", max_tokens=8)).content


@check
def responses_api():
    other = ChatOpenAI(base_url=URL, api_key="none", model=MODEL, use_responses_api=True, max_tokens=120, timeout=300)
    first = other.bind_tools([get_weather], tool_choice="get_weather", parallel_tool_calls=False).invoke("Paris?")
    (call,) = first.tool_calls
    return call


run()

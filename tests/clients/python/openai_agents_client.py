"""openai-agents: the runner's loop over chat completions and responses, handoffs, typed results, streaming."""

from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from checks import MODEL, URL, check, run, weather
from openai import AsyncOpenAI
from pydantic import BaseModel, Field

set_tracing_disabled(True)
SETTINGS = {"temperature": 0, "max_tokens": 120, "parallel_tool_calls": False}


def models():
    """New clients: each belongs to the event loop of its check."""
    client = AsyncOpenAI(base_url=URL, api_key="none", max_retries=0, timeout=300)
    return OpenAIChatCompletionsModel(MODEL, client), OpenAIResponsesModel(MODEL, client)


class City(BaseModel):
    name: str = Field(max_length=20)
    people: int


@function_tool
def get_weather(city: str) -> str:
    """The weather in a city.

    Args:
        city: its name
    """
    return weather(city)


def forecaster(model, **more):
    settings = ModelSettings(tool_choice="required", **SETTINGS)
    return Agent(name="forecaster", model=model, tools=[get_weather], model_settings=settings, **more)


@check
async def a_loop_with_a_tool():
    """A run that ends with the tool's answer, then one that goes on from it and must answer in words."""
    found = []
    for model in models():
        caller = forecaster(model, tool_use_behavior="stop_on_first_tool")
        made = await Runner.run(caller, "What is the weather in Paris?")
        kinds = [item.type for item in made.new_items]
        assert kinds == ["tool_call_item", "tool_call_output_item"], kinds
        speaker = Agent(name="speaker", model=model, model_settings=ModelSettings(temperature=0, max_tokens=150))
        said = await Runner.run(speaker, made.to_input_list())
        found.append((made.final_output, said.final_output))
    return found


@check
async def a_typed_result():
    found = []
    for model in models():
        agent = Agent(name="geographer", model=model, output_type=City, model_settings=ModelSettings(**SETTINGS))
        made = await Runner.run(agent, "Paris")
        assert isinstance(made.final_output, City)
        found.append(made.final_output)
    return found


@check
async def a_handoff():
    chat, _ = models()
    helper = Agent(name="Helper", model=chat, model_settings=ModelSettings(**SETTINGS))
    settings = ModelSettings(tool_choice="transfer_to_helper", **SETTINGS)
    triage = Agent(name="Triage", model=chat, handoffs=[helper], model_settings=settings)
    made = await Runner.run(triage, "Hello.")
    assert made.last_agent.name == "Helper"
    return made.final_output


@check
async def streaming():
    found = []
    for model in models():
        made = Runner.run_streamed(forecaster(model, tool_use_behavior="stop_on_first_tool"), "Weather in Paris?")
        kinds = [event.type async for event in made.stream_events()]
        assert kinds.count("run_item_stream_event") >= 2
        found.append((len(kinds), made.final_output))
    return found


run()

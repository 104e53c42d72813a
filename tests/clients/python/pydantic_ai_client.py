"""pydantic-ai: an agent with a tool and a typed result; outputs as a tool and natively; streaming; responses."""

from checks import MODEL, URL, check, run, weather
from pydantic import BaseModel, Field
from pydantic_ai import Agent, NativeOutput, ToolOutput
from pydantic_ai.exceptions import UsageLimitExceeded
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.usage import UsageLimits

provider = OpenAIProvider(base_url=URL, api_key="none")
chat, responses = OpenAIChatModel(MODEL, provider=provider), OpenAIResponsesModel(MODEL, provider=provider)
SETTINGS = {"temperature": 0, "max_tokens": 120, "parallel_tool_calls": False, "timeout": 300}


class City(BaseModel):
    name: str = Field(max_length=20)
    people: int


def agent(model, output, **more):
    return Agent(model, output_type=output, model_settings=SETTINGS, retries=0, **more)


@check
def a_result_by_tool():
    made = agent(chat, ToolOutput(City)).run_sync("Paris")
    assert isinstance(made.output, City)
    return made.output


@check
def a_native_result():
    made = agent(chat, NativeOutput(City)).run_sync("Paris")
    assert isinstance(made.output, City)
    return made.output


@check
def a_loop_with_a_tool():
    """The model must call something in every turn: the tool, or the one that gives the result."""
    asked = []
    one = agent(chat, ToolOutput(City))

    @one.tool_plain
    def get_weather(city: str) -> str:
        """The weather in a city."""
        asked.append(city)
        return weather(city)

    try:
        made = one.run_sync("What is the weather in Paris?", usage_limits=UsageLimits(request_limit=3))
    except UsageLimitExceeded:
        assert asked  # it went on asking for the weather: every call was valid
        return asked
    assert isinstance(made.output, City)
    return asked, made.output


@check
async def streaming():
    async with agent(chat, NativeOutput(City)).run_stream("Paris") as made:
        pieces = [piece async for piece in made.stream_output()]
    assert isinstance(pieces[-1], City)
    async with agent(chat, str).run_stream("Hello.", model_settings={"max_tokens": 10}) as made:
        text = [piece async for piece in made.stream_text()]
    return pieces[-1], text[-1]


@check
def by_responses():
    made = agent(responses, NativeOutput(City)).run_sync("Paris")
    assert isinstance(made.output, City)
    other = agent(responses, ToolOutput(City)).run_sync("Paris")
    assert isinstance(other.output, City)
    return made.output


run()

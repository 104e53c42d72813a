"""smolagents: its tool-calling agent, plain and streamed, and a code agent with structured output."""

from checks import MODEL, URL, check, run, weather
from smolagents import CodeAgent, LogLevel, OpenAIModel, ToolCallingAgent, tool

model = OpenAIModel(
    model_id=MODEL, api_base=URL, api_key="none", client_kwargs={"max_retries": 0, "timeout": 600}, max_tokens=150
)


@tool
def get_weather(city: str) -> str:
    """The weather in a city.

    Args:
        city: its name
    """
    return weather(city)


def calls_of(agent):
    return [call.name for step in agent.memory.steps for call in getattr(step, "tool_calls", None) or ()]


@check
def a_tool_calling_agent():
    """Every step is a valid call, of the tool or of `final_answer`; which one is the model's own choice."""
    agent = ToolCallingAgent(tools=[get_weather], model=model, max_steps=2, verbosity_level=LogLevel.OFF)
    answer = agent.run("What is the weather in Paris?")
    assert not [step.error for step in agent.memory.steps if getattr(step, "error", None) and not calls_of(agent)]
    assert calls_of(agent)
    return calls_of(agent), answer


@check
def streamed():
    agent = ToolCallingAgent(
        tools=[get_weather], model=model, max_steps=1, stream_outputs=True, verbosity_level=LogLevel.OFF
    )
    agent.run("What is the weather in Paris?")
    assert calls_of(agent)
    return calls_of(agent)


@check
def a_code_agent_gets_thought_and_code():
    agent = CodeAgent(
        tools=[], model=model, max_steps=1, use_structured_outputs_internally=True, verbosity_level=LogLevel.OFF
    )
    agent.run("Add 1 and 2.")
    step = next(step for step in agent.memory.steps if hasattr(step, "model_output"))
    assert step.model_output
    return step.model_output


run()

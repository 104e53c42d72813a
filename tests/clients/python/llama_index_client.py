"""llama-index: a function-calling model behind OpenAILike, streaming, structured prediction."""

from checks import MODEL, URL, check, run, weather
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel, Field

llm = OpenAILike(
    api_base=URL,
    api_key="none",
    model=MODEL,
    is_chat_model=True,
    is_function_calling_model=True,
    max_tokens=120,
    max_retries=0,
    timeout=300,
    context_window=8192,
)
get_weather = FunctionTool.from_defaults(fn=weather, name="get_weather", description="The weather in a city.")


class Album(BaseModel):
    """An album."""

    title: str = Field(max_length=20)
    year: int


@check
def an_agent_turn():
    said = [ChatMessage(role="user", content="What is the weather in Paris?")]
    first = llm.chat_with_tools([get_weather], chat_history=said, tool_required=True, allow_parallel_tool_calls=False)
    (call,) = llm.get_tool_calls_from_response(first)
    assert set(call.tool_kwargs) == {"city"}
    result = ChatMessage(
        role="tool", content=weather(**call.tool_kwargs), additional_kwargs={"tool_call_id": call.tool_id}
    )
    second = llm.chat_with_tools([get_weather], chat_history=[*said, first.message, result])
    return call.tool_kwargs, second.message.content


@check
def streaming_calls():
    said = [ChatMessage(role="user", content="What is the weather in Paris?")]
    pieces = list(llm.stream_chat_with_tools([get_weather], chat_history=said, tool_required=True))
    calls = llm.get_tool_calls_from_response(pieces[-1], error_on_no_tool_call=True)
    assert all(set(call.tool_kwargs) == {"city"} for call in calls)
    return [call.tool_kwargs for call in calls]


@check
def structured_prediction():
    made = llm.structured_predict(Album, PromptTemplate("An album by {who}."), who="ABBA")
    assert isinstance(made, Album)
    return made


@check
def plain_chat():
    pieces = [piece.delta for piece in llm.stream_chat([ChatMessage(role="user", content="Hello.")], max_tokens=8)]
    return "".join(filter(None, pieces))


run()

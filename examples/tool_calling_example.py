"""A conversation with tools that are really executed, against a running server.

    $ constrained serve                              in one terminal
    $ python examples/tool_calling_example.py        in another

The arguments of every call validate against the tool's schema, so nothing here checks them: `multiply` and
`forecast` are called with what came.
"""

import json
import sys

from openai import OpenAI

WEATHER = {"Paris": "sunny", "Oslo": "snow", "Rome": "rain"}


def multiply(a: int, b: int) -> int:
    return a * b


def forecast(city: str, days: int) -> list[str]:
    return [WEATHER[city]] * days


FUNCTIONS = {"multiply": multiply, "forecast": forecast}
NUMBER = {"type": "integer", "minimum": 0, "maximum": 999}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "strict": True,
            "parameters": {
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            },
        },
    }
    for name, description, properties in (
        ("multiply", "The product of two numbers", {"a": NUMBER, "b": NUMBER}),
        (
            "forecast",
            "The weather of the next days in a city",
            {"city": {"enum": list(WEATHER)}, "days": {"type": "integer", "minimum": 1, "maximum": 3}},
        ),
    )
]


def turn(client: OpenAI, model: str, messages: list, tool_choice: str) -> list:
    """Stream one answer of the model; return its calls, complete, and note what it said."""
    text, calls = "", []
    for chunk in client.chat.completions.create(
        model=model, messages=messages, tools=TOOLS, tool_choice=tool_choice, max_tokens=120, stream=True
    ):
        delta = chunk.choices[0].delta
        text += delta.content or ""
        print(delta.content or "", end="", flush=True)
        for piece in delta.tool_calls or []:
            if piece.id:  # a new call: name and id come once, arguments in pieces
                calls.append(
                    {"id": piece.id, "type": "function", "function": {"name": piece.function.name, "arguments": ""}}
                )
            calls[piece.index]["function"]["arguments"] += piece.function.arguments
    print()
    messages.append({"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})})
    return calls


def main(url: str) -> None:
    client = OpenAI(base_url=url, api_key="none")
    model = client.models.list().data[0].id
    messages = [{"role": "user", "content": "What is 12 times 7, and how will the weather in Paris be?"}]
    # A small model answers in words if it may, so the first answer must be a call. After that it may do either.
    calls = turn(client, model, messages, tool_choice="required")
    for _ in range(3):
        for call in calls:
            name, arguments = call["function"]["name"], json.loads(call["function"]["arguments"])
            result = FUNCTIONS[name](**arguments)
            print(f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())}) = {result}")
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": json.dumps(result)})
        calls = turn(client, model, messages, tool_choice="auto")
        if not calls:
            break


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:52415/v1")

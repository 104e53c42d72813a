"""What `constrained demo` asks, and how it shows the answer.

{"name": "get_weather", "arguments": {"city": "Paris", "unit": "celsius"}}
..........^^^^^^^^^^^.........................^^^^^.............^^^^^^^^..
          |                                   `-- chosen by the model
          `-- forced by the grammar: no other text was possible
"""

import json
from collections.abc import Sequence
from typing import Any, Protocol

QUESTION = "What is the weather in Paris, in celsius?"

TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Get the current weather in a city",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "maxLength": 40},
                    "unit": {"enum": ["celsius", "fahrenheit"]},
                },
                "required": ["city", "unit"],
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "send_email",
            "description": "Send an email to a person",
            "parameters": {
                "type": "object",
                "properties": {
                    "to": {"type": "string", "format": "email"},
                    "subject": {"type": "string", "maxLength": 60},
                },
                "required": ["to", "subject"],
            },
        },
    },
]


class Token(Protocol):
    """What is shown of a generated token (see `constrained.runtime.GeneratedToken`)."""

    @property
    def id(self) -> int:
        """Its number in the vocabulary."""
        ...

    @property
    def text(self) -> bytes:
        """The bytes it adds."""
        ...

    @property
    def forced(self) -> bool:
        """The grammar left no choice."""
        ...

    @property
    def removed(self) -> float:
        """The fraction of the vocabulary that the mask removed."""
        ...

    @property
    def logprob(self) -> float | None:
        """Its log-probability among the allowed tokens, if the model was asked."""
        ...


def as_json(
    question: str, message: dict[str, Any], tokens: Sequence[Token], vocabulary_size: int, seconds: float
) -> dict[str, Any]:
    """Everything the demo shows, for machines."""
    return {
        "question": question,
        "message": message,
        "tokens": [
            {
                "id": token.id,
                "text": token.text.decode("utf-8", "replace"),
                "forced": token.forced,
                "removed": round(token.removed, 6),
                "logprob": None if token.logprob is None else round(token.logprob, 6),
            }
            for token in tokens
        ],
        "forced_tokens": sum(token.forced for token in tokens),
        "removed_mean": round(_removed(tokens), 6),
        "vocabulary_size": vocabulary_size,
        "seconds": round(seconds, 3),
    }


def as_text(
    question: str, message: dict[str, Any], tokens: Sequence[Token], vocabulary_size: int, seconds: float
) -> str:
    """Everything the demo shows, for a terminal."""
    forced = sum(token.forced for token in tokens)
    tools = ", ".join(tool["function"]["name"] for tool in TOOLS)
    return "\n".join(
        [
            f"question   {question}",
            f"tools      {tools}",
            "",
            json.dumps(message, indent=2, ensure_ascii=False),
            "",
            "What the model wrote ('.' forced by the grammar, '^' chosen by the model):",
            *_marked(tokens),
            "",
            f"{len(tokens)} tokens in {seconds:.1f} s: {forced} forced, {len(tokens) - forced} chosen. "
            f"The masks removed {_removed(tokens):.1%} of {vocabulary_size:,} tokens on average.",
        ]
    )


def _removed(tokens: Sequence[Token]) -> float:
    return sum(token.removed for token in tokens) / len(tokens)


def _marked(tokens: Sequence[Token]) -> list[str]:
    """The text, and under each of its lines the marks of its characters (of the token that completes each)."""
    marks = b"".join((b"." if token.forced else b"^") * len(token.text) for token in tokens)
    text = b"".join(token.text for token in tokens).decode("utf-8", "replace")
    lines, end = ["  ", "  "], 0
    for character in text:
        end += len(character.encode())
        if character == "\n":
            lines += ["  ", "  "]
        else:
            lines[-2] += character
            lines[-1] += chr(marks[end - 1])
    return lines

"""Fifty sequences through a batch engine, on one process or on several ranks: prints the tokens of each.

Twenty tool calls of the likeliest tokens, twenty structured outputs sampled with a seed, ten free texts.
Run as `python -m tests.soak.sharded MODEL [pipeline | tensor]`, on each rank.
"""

import json
import sys
from typing import Any

from constrained.ranks.place import place_from
from constrained.runtime import BatchEngine, SequenceRequest, load_model, vocabulary_of
from constrained.runtime.sampling import Sampler
from constrained.runtime.sequence import SequenceFailed, TokenEvent
from grammars import compile_json_schema, compile_tools
from server.sharded import Ranks
from tests.soak.schemas import TOOLS

MOST_TOKENS = 70
CAPITALS = "France Italy Spain Norway Japan Kenya Peru Chile Egypt India".split()


def requests(tokenizer: Any, vocabulary: Any) -> list[SequenceRequest]:
    """The fifty."""

    def prompt(text: str) -> list[int]:
        return tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True)

    made: list[SequenceRequest] = []
    for name, schema in TOOLS.items():
        tools = [{"type": "function", "function": {"name": name, "parameters": schema}}]
        call = compile_tools(tools, vocabulary, tool_choice="required", parallel_tool_calls=False)
        text = prompt(f"Call the tool {name}.")
        made.append(SequenceRequest(prompt=text, constraint=call.matcher(), max_tokens=MOST_TOKENS))
    for seed, (name, schema) in enumerate(TOOLS.items()):
        output = compile_json_schema(schema, vocabulary).matcher()
        sampler = Sampler(temperature=0.9, seed=seed)
        text = prompt(f"Write the arguments of {name}.")
        made.append(SequenceRequest(prompt=text, constraint=output, sampler=sampler, max_tokens=MOST_TOKENS))
    free = [f"What is the capital of {name}?" for name in CAPITALS]
    return made + [SequenceRequest(prompt=prompt(text), max_tokens=MOST_TOKENS) for text in free]


def main() -> None:
    place = place_from()
    model, *sharding = sys.argv[1:]
    ranks = Ranks(place, model, sharding[0], print_nothing) if place else None  # type: ignore[arg-type]
    loaded = ranks.loaded if ranks else load_model(model)
    engine = BatchEngine(*loaded, rows=ranks.rows() if ranks else None)
    asked = requests(loaded.tokenizer, vocabulary_of(*loaded))
    said: dict[int, list[int]] = {engine.add(request): [] for request in asked}
    while not engine.idle:
        for event in engine.step():
            if isinstance(event, SequenceFailed):
                raise event.error
            if isinstance(event, TokenEvent):
                said[event.uid].append(event.token.id)
    engine.close()
    print(json.dumps(list(said.values())))  # noqa: T201
    if ranks:
        ranks.close()


def print_nothing(line: str) -> None:
    """No progress."""


if __name__ == "__main__":
    main()

"""Many hot generations with the real model: every call parses and validates.

200 sequences (20 tools, 10 seeds) at temperature 1.5, eight at a time, forced tokens not asked of the model. At that
temperature the model writes almost anything the grammar lets pass, so this is a search for holes.
"""

import json
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from constrained.budget import Budgeted
from constrained.runtime import BatchEngine, GeneratedToken, SequenceRequest, load_model, vocabulary_of
from constrained.runtime.sampling import Sampler
from constrained.runtime.sequence import SequenceFailed, TokenEvent
from grammars import compile_json_schema
from tests.soak.schemas import TOOLS

ROUNDS = 10
BATCH = 8
TEMPERATURE = 1.5
MOST_TOKENS = 600  # more than any of the schemas needs, so that the budget steers no ending

pytestmark = [pytest.mark.slow, pytest.mark.model, pytest.mark.timeout(7200)]


def prompt(tokenizer: Any, name: str) -> list[int]:
    """Ask for a call of one tool."""
    text = f"Call the tool {name} with arguments that fit its schema:\n{json.dumps(TOOLS[name])}"
    return tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True)


def test_two_hundred_hot_tool_calls_parse_and_validate():
    model, tokenizer, *_ = load_model()
    vocabulary = vocabulary_of(model, tokenizer)
    grammars = {name: compile_json_schema(schema, vocabulary) for name, schema in TOOLS.items()}
    engine = BatchEngine(model, tokenizer, max_batch=BATCH)
    jobs = {
        engine.add(
            SequenceRequest(
                prompt=prompt(tokenizer, name),
                constraint=Budgeted(grammars[name].matcher(), MOST_TOKENS),
                sampler=Sampler(temperature=TEMPERATURE, seed=turn),
                max_tokens=MOST_TOKENS,
            )
        ): (name, turn)
        for turn in range(ROUNDS)
        for name in TOOLS
    }
    written: dict[int, list[GeneratedToken]] = {uid: [] for uid in jobs}
    while not engine.idle:
        for event in engine.step():
            if isinstance(event, SequenceFailed):
                raise event.error
            if isinstance(event, TokenEvent):
                written[event.uid].append(event.token)
    engine.close()

    wrong: list[str] = []
    for uid, (name, turn) in jobs.items():
        text = b"".join(token.text for token in written[uid])
        try:
            arguments = json.loads(text, parse_float=Decimal)
        except ValueError as error:
            wrong.append(f"{name}, round {turn}: {error}: {text!r}")
            continue
        schema = json.loads(json.dumps(TOOLS[name]), parse_float=Decimal)
        checker = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        wrong += [f"{name}, round {turn}: {error.message}: {text!r}" for error in checker.iter_errors(arguments)]
    tokens = [token for one in written.values() for token in one]
    forced, steered = sum(token.forced for token in tokens), sum(token.steered for token in tokens)
    print(f"{len(jobs)} calls, {len(tokens)} tokens, {forced} forced, {steered} steered, {len(wrong)} wrong")  # noqa: T201
    assert not wrong

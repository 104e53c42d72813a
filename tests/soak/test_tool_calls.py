"""Many hot generations with the real model: every call parses and validates.

200 sequences (20 tools, 10 times) at temperature 1.5, eight at a time in mlx-lm's own batches. At that
temperature the model writes almost anything the grammar lets pass, so this is a search for holes.
"""

import json
from decimal import Decimal
from typing import Any

import mlx.core as mx
import pytest
from jsonschema import Draft202012Validator
from mlx_lm.generate import BatchGenerator
from mlx_lm.sample_utils import make_sampler

from constrained.runtime import GrammarProcessor, load_model, vocabulary_of
from grammars import compile_json_schema
from tests.soak.schemas import TOOLS

ROUNDS = 10
BATCH = 8
TEMPERATURE = 1.5
MOST_TOKENS = 600  # every schema is bounded well below: a sequence that gets here has run away

pytestmark = [pytest.mark.slow, pytest.mark.model, pytest.mark.timeout(7200)]


def prompt(tokenizer: Any, name: str) -> list[int]:
    """Ask for a call of one tool."""
    text = f"Call the tool {name} with arguments that fit its schema:\n{json.dumps(TOOLS[name])}"
    return tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True)


def test_two_hundred_hot_tool_calls_parse_and_validate():
    model, tokenizer, *_ = load_model()
    vocabulary = vocabulary_of(model, tokenizer)
    grammars = {name: compile_json_schema(schema, vocabulary) for name, schema in TOOLS.items()}
    jobs = [(name, turn) for turn in range(ROUNDS) for name in TOOLS]
    mx.random.seed(20)
    batch = BatchGenerator(model, stop_tokens=[[end] for end in vocabulary.eos_token_ids], completion_batch_size=BATCH)
    uids = batch.insert(
        [prompt(tokenizer, name) for name, _ in jobs],
        max_tokens=[MOST_TOKENS] * len(jobs),
        samplers=[make_sampler(temp=TEMPERATURE)] * len(jobs),
        logits_processors=[[GrammarProcessor(grammars[name])] for name, _ in jobs],
    )
    written: dict[int, list[int]] = {uid: [] for uid in uids}
    while responses := batch.next_generated():
        for response in responses:
            written[response.uid].append(response.token)
        mx.clear_cache()

    wrong: list[str] = []
    for uid, (name, turn) in zip(uids, jobs, strict=True):
        text = vocabulary.spell([token for token in written[uid] if token not in vocabulary.eos_token_ids])
        assert text is not None
        try:
            arguments = json.loads(text, parse_float=Decimal)
        except ValueError as error:
            wrong.append(f"{name}, round {turn}: {error}: {text!r}")
            continue
        checker = Draft202012Validator(TOOLS[name], format_checker=Draft202012Validator.FORMAT_CHECKER)
        wrong += [f"{name}, round {turn}: {error.message}: {text!r}" for error in checker.iter_errors(arguments)]
    print(f"{len(jobs)} calls, {sum(map(len, written.values()))} tokens, {len(wrong)} wrong")  # noqa: T201
    assert not wrong

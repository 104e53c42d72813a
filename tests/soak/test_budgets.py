"""Two thousand generations within random budgets, from the smallest possible up: every text parses, validates and fits.

A model of random weights, hot, writes nearly anything that the grammar lets pass, so it is always in the middle of
something when the budget runs out. It has the packaged model's vocabulary. A hundred more are the packaged
model's own.
"""

import json
from collections import Counter
from random import Random
from typing import Any

import mlx.core as mx
import pytest
from mlx_lm.models import llama

from constrained import Budgeted, CompiledGrammar
from constrained.errors import GrammarError
from constrained.runtime import LoadedModel, generate, load_model, vocabulary_of
from grammars import compile_json_schema
from tests.fuzz.judge import Judge
from tests.soak.schemas import TOOLS
from tests.support.shared_data import shared

RANDOM, REAL = 2_000, 100
FURTHER = (0, 0, 1, 2, 3, 5, 8, 13, 21, 34, 55)  # tokens beyond the fewest

pytestmark = [pytest.mark.slow, pytest.mark.model, pytest.mark.timeout(7200)]


@pytest.fixture(scope="module")
def packaged() -> LoadedModel:
    return load_model()


@pytest.fixture(scope="module")
def random_weights(packaged) -> LoadedModel:
    arguments = llama.ModelArgs(
        model_type="llama", hidden_size=32, num_hidden_layers=1, intermediate_size=64, num_attention_heads=2,
        num_key_value_heads=1, rms_norm_eps=1e-5, vocab_size=vocabulary_of(*packaged).size, tie_word_embeddings=False,
    )  # fmt: skip
    mx.random.seed(11)
    model = llama.Model(arguments)
    mx.eval(model.parameters())
    return LoadedModel(model, packaged.tokenizer)


@pytest.fixture(scope="module")
def schemas(packaged) -> dict[str, tuple[Any, CompiledGrammar]]:
    """The twenty tools, and those of real clients, as far as they compile and somebody else can judge them."""
    vocabulary = vocabulary_of(*packaged)
    found: dict[str, Any] = dict(TOOLS)
    for number, case in enumerate(json.loads(shared("data/tool_schemas.json").read_text(encoding="utf-8"))):
        found[f"{case['client']} {case['name']} {number}"] = case["schema"]
    compiled: dict[str, tuple[Any, CompiledGrammar]] = {}
    for name, schema in found.items():
        try:
            compiled[name] = schema, compile_json_schema(schema, vocabulary)
        except GrammarError:
            continue
    return compiled


@pytest.mark.shared
@pytest.mark.parametrize(("weights", "count"), [("random_weights", RANDOM), ("packaged", REAL)])
def test_texts_are_complete_within_any_budget_that_can_hold_one(weights, count, schemas, request):
    model, tokenizer = request.getfixturevalue(weights)
    random, reasons = Random(1), Counter[str]()
    names = sorted(schemas)
    minimums = {name: Budgeted(schemas[name][1].matcher(), 1 << 20).minimum for name in names}
    judges = {name: Judge(schemas[name][0], formats=True) for name in names}
    failures: list[str] = []
    tokens = 0
    for number in range(count):
        name = names[number % len(names)]
        _, grammar = schemas[name]
        budget = minimums[name] + random.choice(FURTHER)
        prompt = tokenizer.encode(f"Call {name} with") if number % 2 else [1, 2, 3 + number % 100]
        made = generate(model, tokenizer, prompt, grammar, max_tokens=budget, temperature=1.5, seed=number)
        tokens += len(made.tokens)
        reasons[made.finish_reason] += 1
        if len(made.tokens) > budget or made.finish_reason == "length":
            failures.append(f"{name}: over {budget}: {made.text!r}")
        elif judges[name].accepts(made.text) is not True:
            failures.append(f"{name}: not valid: {made.text!r}")
    print(f"{count} texts, {tokens} tokens, {dict(reasons)}, {len(failures)} wrong")  # noqa: T201
    assert not failures

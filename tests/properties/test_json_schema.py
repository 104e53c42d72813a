"""Random schemas against `jsonschema`: what is written is valid, what is valid is accepted, nothing is stuck.

The checks are those of `tests/fuzz` (see there); this is the slice of every test run. `make fuzz` runs
tens of thousands more.
"""

import gzip
import json
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from constrained.errors import GrammarError
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.json_schema.compiler import compile_json_schema
from grammars.json_schema.options import JsonSchemaOptions
from tests.fuzz import small, walks
from tests.fuzz.check import Refused, check
from tests.fuzz.judge import Judge
from tests.fuzz.schemas import document
from tests.support.shared_data import shared
from tests.support.tokenizers import tokenizer_path

CHUNKS, CHUNK = 10, 30
FEWEST_COMPILED = 0.75  # of random schemas; most others refer to themselves


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_random_schemas_are_sound_complete_and_alive(chunk: int):
    refused = 0
    for number in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        schema = document(Random(number))
        try:
            assert check(schema, number) is None, (number, json.dumps(schema))
        except Refused:
            refused += 1
    assert refused <= (1 - FEWEST_COMPILED) * CHUNK


@pytest.mark.parametrize("chunk", range(4))
def test_small_worlds_are_empty_exactly_where_no_value_of_theirs_is_valid(chunk: int):
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        case = small.case(seed)
        failure = case.failure()
        assert failure is None, (seed, json.dumps(case.schema), failure)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False), st.integers(0, 1 << 30))
def test_random_schemas_that_hypothesis_chooses_and_shrinks(random: Random, seed: int):
    schema = document(random)
    with suppress(Refused):
        assert check(schema, seed) is None


# Real schemas


def real_schemas() -> list[tuple[str, Any]]:
    """Names and schemas: tools, response formats, and a part of the MaskBench sample."""
    found: list[tuple[str, Any]] = []
    for path in ("data/tool_schemas.json", "data/response_format_schemas.json"):
        cases = json.loads(shared(path).read_text(encoding="utf-8"))
        found += [(f"{path}/{index}", case["schema"]) for index, case in enumerate(cases)]
    with gzip.open(shared("data/maskbench_public.jsonl.gz"), "rt", encoding="utf-8") as lines:
        cases = map(json.loads, lines)
        found += [(case["file"], case["schema"]) for index, case in enumerate(cases) if index % 40 == 3]
    return found


@pytest.mark.shared
@pytest.mark.parametrize("additional", ["declared", "schema"])
def test_walks_through_real_schemas_end_in_valid_instances(additional: Any):
    vocabulary = Vocabulary.from_tokenizer_file(str(tokenizer_path("llama3_1")), eos_token_ids=[128009])
    options = JsonSchemaOptions(additional_properties=additional)
    walked = 0
    for name, schema in real_schemas():
        try:
            grammar = compile_json_schema(schema, vocabulary, options)
        except GrammarError:
            continue
        random, judge = Random(name), Judge(schema, formats=True)
        text = walks.walk(grammar, random, random.choice(("uniform", "clinging")), random.randrange(1, 60))
        assert judge.accepts(text) is not False, (name, text)
        walked += 1
    assert walked > 150

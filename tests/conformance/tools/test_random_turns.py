"""Random turns of every family: valid whatever a model prefers, and framed into exactly what was written.

A random walk over the masks is a model without preferences. A slice of it runs always; `make nightly`
runs a hundred per family and choice.
"""

import json
import random
from typing import Any

import pytest

from constrained.sections import Limited
from grammars.tools.compile import ToolGrammar, compile_tools
from grammars.tools.tables import FORMATS
from tests.conformance.tools.requests import WIDE, check_arguments
from tests.conformance.tools.vocabularies import NEEDS_TOKENS, vocabulary_for
from tests.conformance.tools.walks import Told, drawn, frame, random_turn, special_tokens, spelled, tokens_of

NAMED = {"type": "function", "function": {"name": "get_weather"}}
CHOICES = {"auto": "auto", "required": "required", "named": NAMED, "none": "none"}
KINDS = [(family, text) for family in FORMATS for text in (False, True) if not (text and family in NEEDS_TOKENS)]
IDS = [f"{family}-{'text' if text else 'tokens'}" for family, text in KINDS]


def compiled(family: str, *, text: bool, choice: str, parallel: bool, **more: Any) -> ToolGrammar:
    return compile_tools(
        WIDE,
        vocabulary_for(family, text=text),
        format=family,
        tool_choice=CHOICES[choice],
        parallel_tool_calls=parallel,
        **more,
    )


def check(told: Told, choice: str, *, parallel: bool) -> None:
    """What must hold of any turn."""
    for call in told.calls:
        assert call.finished
        check_arguments(WIDE, call.name, json.loads(call.arguments))
    least, most = {"auto": (0, None), "required": (1, None), "named": (1, 1), "none": (0, 0)}[choice]
    assert len(told.calls) >= least
    assert most is None or len(told.calls) <= most
    assert parallel or len(told.calls) <= 1
    assert told.reason == ("tool_calls" if told.calls else "stop")


def walk(grammar: ToolGrammar, seeds: range, choice: str, *, parallel: bool) -> None:
    for seed in seeds:
        tokens = random_turn(grammar, seed, 20 + seed % 40)
        told = frame(grammar, tokens)
        try:
            check(told, choice, parallel=parallel)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {spelled(tokens, grammar.vocabulary)!r} -> {told}") from error


@pytest.mark.parametrize(("family", "text"), KINDS, ids=IDS)
def test_every_turn_is_valid(family: str, text: bool):
    for choice in CHOICES:
        grammar = compiled(family, text=text, choice=choice, parallel=choice != "named")
        walk(grammar, range(3), choice, parallel=True)


@pytest.mark.slow
@pytest.mark.parametrize("parallel", [True, False], ids=["parallel", "single"])
@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize(("family", "text"), KINDS, ids=IDS)
def test_a_hundred_turns_are_valid(family: str, text: bool, choice: str, parallel: bool):
    walk(compiled(family, text=text, choice=choice, parallel=parallel), range(100), choice, parallel=parallel)


@pytest.mark.parametrize("family", ["hermes", "qwen3-coder", "kimi-k2", "gpt-oss", "pythonic", "cohere"])
def test_an_answer_is_json_of_its_schema_or_there_are_calls(family: str):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    grammar = compiled(family, text=False, choice="auto", parallel=True, response_format=wanted)
    seen: set[bool] = set()
    for seed in range(12):
        told = frame(grammar, random_turn(grammar, seed, 12))
        seen.add(bool(told.calls))
        if told.calls:
            check(told, "auto", parallel=True)
        else:
            assert isinstance(json.loads(told.text)["n"], int)
    assert seen == {True, False}


@pytest.mark.parametrize("family", ["hermes", "deepseek-v3.1", "minimax-m2", "gemma-4", "mistral-v13", "gpt-oss"])
@pytest.mark.parametrize("reasoning", ["opened", "free", "none"])
def test_reasoning_comes_before_everything_and_holds_no_call(family: str, reasoning: Any):
    grammar = compiled(family, text=False, choice="required", parallel=True, reasoning=reasoning)
    seen: set[bool] = set()
    for seed in range(8):
        told = frame(grammar, random_turn(grammar, seed, 25))
        check(told, "required", parallel=True)
        seen.add(bool(told.reasoning))
    assert reasoning != "none" or seen == {False}
    assert reasoning != "opened" or True in seen


@pytest.mark.parametrize("family", ["hermes", "deepseek-v3.1", "gemma-4", "mistral-v13", "kimi-k3", "muse", "gpt-oss"])
@pytest.mark.parametrize("reasoning", ["opened", "free"])
def test_reasoning_is_closed_at_its_limit_and_the_turn_goes_on(family: str, reasoning: Any):
    """Who would think forever thinks for five tokens; then the section ends as the family ends it."""
    grammar = compiled(family, text=False, choice="required", parallel=True, reasoning=reasoning)
    assert grammar.reasoning is not None
    limited = Limited(grammar.matcher(), grammar.reasoning, 5)
    for token in () if reasoning == "opened" else tokens_of(opening_of(family), grammar.vocabulary):
        limited.advance(token)
    draw = random.Random(1)
    thought = 0
    while limited.in_section:
        bits = limited.bitmask() & ~special_tokens(grammar.vocabulary)
        token = drawn(bits if bits.any() else limited.bitmask(), draw)
        thought += bool(bits.any())
        limited.advance(token)
    assert thought <= 5 + sum(isinstance(piece, bytes) for piece in grammar.reasoning.closes)
    for token in limited.matcher.shortest_tokens():
        limited.advance(token)
    told = frame(grammar, limited.tokens[:-1])
    check(told, "required", parallel=True)
    assert told.reasoning


def opening_of(family: str) -> str:
    section = FORMATS[family].reasoning
    assert section is not None
    return section.opens

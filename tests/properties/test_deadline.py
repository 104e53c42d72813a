"""Work that is given up leaves behind what is true: done again, it comes out as if it had never been begun.

The clock is a counter that goes on by one whenever it is looked at, so `within(k)` gives up at the k-th look.
"""

import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from constrained import deadline
from constrained.budget import Budgeted
from constrained.deadline import look, within
from constrained.errors import OutOfTime
from constrained.matcher import CompiledGrammar
from constrained.runtime.constraint import Guide, guide_of
from grammars import compile_json_schema, compile_lark
from tests.runtime import tiny

pytestmark = pytest.mark.interpreted

VOCABULARY = tiny.vocabulary()
BUDGET, TOKENS = 400, 25

PERSON: Any = {"properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a", "b"]}
ONE: Any = {"properties": {"a": {"enum": [1, 2, 3]}}, "required": ["a"], "additionalProperties": False}
SCHEMAS: dict[str, Any] = {
    "different objects": {"type": "array", "items": {"type": "object", **ONE}, "uniqueItems": True, "minItems": 2},
    "different texts": {"type": "array", "items": {"pattern": "^[ab]{1,3}$", "type": "string"}, "uniqueItems": True},
    "contained": {"type": "array", "allOf": [{"contains": {"const": one}} for one in ("x", 1, {"k": 2})]},
    "conditions": {"type": "object", "if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": PERSON},
    "many keys": {"type": "object", "minProperties": 5, "propertyNames": {"pattern": "^[ab]{4}$"}},
    "recursive": {"type": "object", "properties": {"next": {"$ref": "#"}}, "patternProperties": {"^k": {"minimum": 3}}},
}
SUM = 'start: sum\nsum: item (("+" | "-") item)*\nitem: "(" sum ")" | NAME | NUMBER\nNAME: /[a-z]+/\nNUMBER: /[0-9]+/'
NESTED = 'start: p\np: "a" p "a" | "b" p "b" | p p | "c"'

GRAMMARS: dict[str, Callable[[], CompiledGrammar]] = {
    **{name: lambda schema=schema: compile_json_schema(schema, VOCABULARY) for name, schema in SCHEMAS.items()},
    "sum": lambda: compile_lark(SUM, VOCABULARY),
    "nested": lambda: compile_lark(NESTED, VOCABULARY),
}


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How often the clock was looked at."""
    looks = 0

    def now() -> int:
        nonlocal looks
        looks += 1
        return looks

    monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=now, thread_time=lambda: looks))
    return lambda: looks


def step(grammar: CompiledGrammar, tokens: list[int]) -> tuple[Guide, list[int]]:
    """All that is asked behind some tokens: the mask, and what must follow."""
    matcher = Budgeted(grammar.matcher(), BUDGET)
    for token in tokens:
        matcher.advance(token)
    return guide_of(matcher), matcher.forced_tokens()


def walk(
    alone: CompiledGrammar, disturbed: CompiledGrammar, random_: random.Random, counting: Callable[[], int]
) -> int:
    """How often what was asked behind each token of a text was given up."""
    tokens: list[int] = []
    given_up = 0
    for _ in range(TOKENS):
        before = counting()
        guide, forced = step(alone, tokens)
        cost = counting() - before
        for _ in range(3):
            try:
                with within(random_.randrange(1, cost + 2)):
                    step(disturbed, tokens)
            except OutOfTime:
                given_up += 1
        again, also_forced = step(disturbed, tokens)
        assert np.array_equal(guide.mask, again.mask)
        assert (guide.forced, forced) == (again.forced, also_forced)
        allowed = np.flatnonzero(np.unpackbits(guide.mask.view(np.uint8), bitorder="little")).tolist()
        tokens.append(random_.choice(allowed))
        if tokens[-1] in VOCABULARY.eos_token_ids:
            break
    return given_up


@pytest.mark.parametrize("name", GRAMMARS)
def test_what_was_given_up_comes_out_the_same_when_it_is_done_again(name: str, counting: Callable[[], int]) -> None:
    alone, disturbed = GRAMMARS[name](), GRAMMARS[name]()
    assert sum(walk(alone, disturbed, random.Random(f"{name} {number}"), counting) for number in range(4)) > 2


@pytest.mark.parametrize("name", SCHEMAS)
def test_compiling_that_was_given_up_can_be_done_again(name: str, counting: Callable[[], int]) -> None:
    before = counting()
    guide, forced = step(GRAMMARS[name](), [])
    cost = counting() - before
    for part in range(1, 8):
        with pytest.raises(OutOfTime), within(max(1, cost * part // 10)):
            step(GRAMMARS[name](), [])
    again, also_forced = step(GRAMMARS[name](), [])
    assert np.array_equal(guide.mask, again.mask)
    assert (guide.forced, forced) == (again.forced, also_forced)


def look_often() -> None:
    for _ in range(1000):
        look()


def test_the_earlier_of_two_limits_counts(counting: Callable[[], int]) -> None:
    with pytest.raises(OutOfTime, match="100 seconds"), within(100), within(10_000):
        look_often()
    look_often()

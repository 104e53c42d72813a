"""One schema, everything that must hold, and the first thing that does not.

sound      every walk through the masks ends in a text that `jsonschema` accepts
complete   an instance is accepted exactly when `jsonschema` accepts it, in the options that follow
           the standard to the letter; instances are random, or what a walk wrote with one change
alive      no state on a walk has an empty mask; every state can be completed
settled    what is refused is refused when compiling, never on the way
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import isfinite
from random import Random
from typing import Any

from constrained.errors import GrammarError, Unsatisfiable
from constrained.matcher import CompiledGrammar
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.json_schema.compiler import compile_json_schema
from grammars.json_schema.limits import CompileLimits
from grammars.json_schema.options import JsonSchemaOptions
from tests.conformance.json_schema.acceptance import accepts, byte_vocabulary, written
from tests.fuzz import walks
from tests.fuzz.judge import Judge
from tests.fuzz.mutate import mutated
from tests.fuzz.values import instance

TO_THE_LETTER = JsonSchemaOptions(
    key_order="any", additional_properties="schema", formats="annotate", decimal_integers=True
)
LIMITS = CompileLimits(seconds=5)
WALKS, STEPS = 4, 40
INSTANCES, MUTATIONS = 20, 5
LONG = 400  # characters; longer texts are not changed

_vocabulary = cache(walks.vocabulary)


@dataclass(frozen=True)
class Failure:
    """What went wrong: its kind, which stays the same while a schema shrinks, and the details."""

    kind: str
    details: str


class Refused(Exception):
    """The schema does not compile, which is no failure."""


def random_options(random: Random) -> JsonSchemaOptions:
    """Options to generate with."""
    return JsonSchemaOptions(
        whitespace=random.choice(("json", "compact", "flexible")),
        key_order=random.choice(("any", "schema")),
        additional_properties=random.choice(("declared", "schema")),
        decimal_integers=random.random() < 0.3,
    )


def check(schema: Any, seed: int) -> Failure | None:
    """The first failure of a schema. Raises Refused where it does not compile."""
    random = Random(seed)
    options = random_options(random)
    try:
        failure, texts = _sound(schema, options, random)
        return failure or _complete(schema, random, texts)
    except GrammarError as error:
        return Failure("late refusal", f"{type(error).__name__}: {error}")


def _sound(schema: Any, options: JsonSchemaOptions, random: Random) -> tuple[Failure | None, list[str]]:
    """What went wrong while walking, and the texts of the walks."""
    grammar = _compiled(schema, options, _vocabulary())
    judge = Judge(schema, formats=True)
    texts: list[str] = []
    if grammar is None:
        empty = options.additional_properties == "schema" and judge.knows_formats
        return (_surely_empty(judge, random) if empty else None), texts
    for number in range(WALKS):
        try:
            text = walks.walk(grammar, random, "clinging" if number % 2 else "uniform", random.randrange(1, STEPS))
        except (walks.DeadEnd, walks.Disagreement) as error:
            return Failure(type(error).__name__, f"{options}: {error}"), texts
        try:
            accepted = judge.accepts(text)
        except ValueError as error:
            return Failure("no JSON", f"{options}: {text!r}: {error}"), texts
        if accepted is False:
            return Failure("unsound", f"{options}: {text}"), texts
        texts.append(text)
    return None, texts


def _complete(schema: Any, random: Random, texts: list[str]) -> Failure | None:
    grammar = _compiled(schema, TO_THE_LETTER, byte_vocabulary())
    judge = Judge(schema, formats=False)
    if grammar is None:
        return _surely_empty(judge, random)
    for text in _instances(texts, random):
        valid = judge.accepts(text)
        if valid is not None and accepts(grammar, text) != valid:
            return Failure("wrong reject" if valid else "wrong accept", text)
    return None


def _instances(texts: list[str], random: Random) -> Iterator[str]:
    """Random instances, and some that are close to what was written."""
    for _ in range(INSTANCES):
        yield written(instance(random))
    for text in texts:
        if len(text) < LONG:
            value = json.loads(text, parse_float=_near)
            for _ in range(MUTATIONS):
                value = mutated(value, random)
                yield written(value)


def _near(text: str) -> float:
    """The float closest to a number; 1.5 where it is written with an exponent, which multiples never are."""
    return 1.5 if "e" in repr(float(text)) or not isfinite(float(text)) else float(text)


def _compiled(schema: Any, options: JsonSchemaOptions, vocabulary: Vocabulary) -> CompiledGrammar | None:
    """The grammar; None for a schema that nothing satisfies."""
    try:
        return compile_json_schema(json.dumps(schema), vocabulary, options, limits=LIMITS)
    except Unsatisfiable:
        return None
    except GrammarError as error:
        raise Refused(f"{type(error).__name__}: {error.message}") from error


def _surely_empty(judge: Judge, random: Random) -> Failure | None:
    for _ in range(INSTANCES):
        text = written(instance(random))
        if judge.accepts(text):
            return Failure("not unsatisfiable", text)
    return None

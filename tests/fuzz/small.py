"""Small worlds: schemas of which every value is known: `python -m tests.fuzz.small [count] [first]`.

    arrays    of up to three of the atoms             259 values
    objects   keys "a" and "b", atoms in them          49 values
    records   of up to two different small objects     73 values, and those in which one comes twice

A random schema is put inside of one of these, and `jsonschema` is asked about every value of it. So an empty schema
that compiles is found, and one that is refused as empty and is not, which random instances seldom show.
"""

import json
import sys
from collections.abc import Sequence
from itertools import product
from random import Random
from typing import Any

from constrained.errors import GrammarError, Unsatisfiable
from grammars.json_schema.compiler import compile_json_schema
from tests.conformance.json_schema.acceptance import accepts, byte_vocabulary, written
from tests.fuzz import walks
from tests.fuzz.check import LIMITS, TO_THE_LETTER, WALKS, Failure
from tests.fuzz.judge import Judge
from tests.fuzz.schemas import about

ATOMS: Sequence[Any] = (None, 0, 1, "a", [], {})
_ATOM = {"enum": list(ATOMS)}
_FEW_ATOMS: Sequence[Any] = (0, {})


def _objects(names: str, atoms: Sequence[Any]) -> list[dict[str, Any]]:
    """The objects of these keys, with atoms in them."""
    return [
        {name: value[0] for name, value in zip(names, values, strict=True) if value}
        for values in product([*((atom,) for atom in atoms), ()], repeat=len(names))
    ]


WORLDS: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "arrays": (
        {"type": "array", "items": _ATOM, "maxItems": 3},
        [list(items) for length in range(4) for items in product(ATOMS, repeat=length)],
    ),
    "objects": (
        {"type": "object", "additionalProperties": False, "properties": {"a": _ATOM, "b": _ATOM}},
        _objects("ab", ATOMS),
    ),
    "records": (
        {
            "type": "array",
            "uniqueItems": True,
            "maxItems": 2,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {name: {"enum": list(_FEW_ATOMS)} for name in "ab"},
            },
        },
        [list(items) for length in range(3) for items in product(_objects("ab", _FEW_ATOMS), repeat=length)],
    ),
}


def check(seed: int) -> Failure | None:
    """What is wrong about one schema: what it is said to allow, or a way that leads nowhere."""
    random = Random(seed)
    kind = random.choice(list(WORLDS))
    world, values = WORLDS[kind]
    if kind == "records":
        dialect, restricted = about(random, "objects")
        restricted = {"items": restricted, "minItems": random.randrange(3)}
    else:
        dialect, restricted = about(random, kind)
    schema = {"$schema": dialect, "allOf": [world, restricted]}
    judge = Judge(schema, formats=False)
    verdicts = [(text, judge.accepts(text)) for text in map(written, values)]
    good = [text for text, valid in verdicts if valid]
    try:
        grammar = compile_json_schema(json.dumps(schema), byte_vocabulary(), TO_THE_LETTER, limits=LIMITS)
    except Unsatisfiable:
        return Failure("not empty", f"{json.dumps(schema)}: {good[0]}") if good else None
    except GrammarError:
        return None
    if all(valid is False for _, valid in verdicts):
        return Failure("empty", json.dumps(schema))
    for text, valid in verdicts:
        if valid is not None and accepts(grammar, text) != valid:
            return Failure("wrong reject" if valid else "wrong accept", f"{json.dumps(schema)}: {text}")
    for number in range(WALKS):
        try:
            text = walks.walk(grammar, random, "clinging" if number % 2 else "uniform", random.randrange(1, 30))
        except (walks.DeadEnd, walks.Disagreement) as error:
            return Failure(type(error).__name__, f"{json.dumps(schema)}: {error}")
        if judge.accepts(text) is False:
            return Failure("unsound", f"{json.dumps(schema)}: {text}")
    return None


def main(count: int, first: int) -> int:
    """Check so many schemas; print every failure."""
    failures = 0
    for seed in range(first, first + count):
        try:
            failure = check(seed)
        except Exception as error:  # noqa: BLE001  whatever it is, it is a failure, and the next schema is tried
            failure = Failure(f"crash {type(error).__name__}", str(error)[:300])
        if failure is not None:
            failures += 1
            print(f"{seed}: {failure.kind}: {failure.details}", flush=True)  # noqa: T201
    print(f"{count} small worlds from {first}: {failures} failures")  # noqa: T201
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main(*[int(argument) for argument in (*sys.argv[1:], 1000, 0)[:2]]))

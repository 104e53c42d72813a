"""Small worlds: schemas of which every value is known: `python -m tests.fuzz.small [count] [first]`.

    arrays    of up to three of the atoms             259 values
    objects   keys "a" and "b", atoms in them          49 values
    records   of up to two different small objects     73 values, and those in which one comes twice

A random schema is put inside of one of these, and `jsonschema` is asked about every value of it. So an empty schema
that compiles is found, and one that is refused as empty and is not, which random instances seldom show.
"""

import sys
from collections.abc import Sequence
from itertools import product
from random import Random
from typing import Any

from tests.fuzz.known import Case, check_many
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


def case(seed: int) -> Case:
    """A world, restricted by a random schema."""
    random = Random(seed)
    kind = random.choice(list(WORLDS))
    world, values = WORLDS[kind]
    if kind == "records":
        dialect, restricted = about(random, "objects")
        restricted = {"items": restricted, "minItems": random.randrange(3)}
    else:
        dialect, restricted = about(random, kind)
    return Case({"$schema": dialect, "allOf": [world, restricted]}, values, random, are_all=True)


if __name__ == "__main__":
    sys.exit(check_many("small worlds", *[int(argument) for argument in (*sys.argv[1:], 1000, 0)[:2]], case))

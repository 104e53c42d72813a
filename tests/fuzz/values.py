"""Random JSON values, from a few that schemas of the same alphabet speak about."""

from random import Random
from typing import Any

NAMES = ("a", "b", "ab", "ba", "é")
SCALARS = (None, True, False, 0, 1, 2, 3, -1, 10, 0.5, 1.5, -0.5, 1.0, 0.1, "", "a", "b", "ab", "aa", "bab", "é", '"\\')
ARRAYS = ([], [0], [1], ["a"], [0, 0], [0, 1], ["a", "b"], [[]], [None, True, "a"], [1, "a", 1], [0.5])
OBJECTS = (
    {},
    {"a": 0},
    {"a": "a"},
    {"b": 1},
    {"a": 1, "b": 1},
    {"a": {}, "ab": []},
    {"é": None},
    {"a": 0, "b": "b", "ab": 2},
    {"a": {"a": 1}},
)


def instance(random: Random, depth: int = 2) -> Any:
    """A random JSON value."""
    kind = random.random()
    if kind < 0.45 or depth == 0:
        return random.choice(SCALARS)
    if kind < 0.55:
        return random.choice(ARRAYS)
    if kind < 0.65:
        return random.choice(OBJECTS)
    if kind < 0.8:
        return [instance(random, depth - 1) for _ in range(random.randrange(4))]
    return {random.choice(NAMES): instance(random, depth - 1) for _ in range(random.randrange(4))}


def exclusive_flags(random: Random) -> dict[str, Any]:
    """Bounds of draft 4, exclusive or not."""
    low = random.choice((-1, 0, 0.5, 1, 2))
    found: dict[str, Any] = {"minimum": low, "maximum": low + random.choice((0, 0.5, 1, 2))}
    found |= {name: random.random() < 0.5 for name in ("exclusiveMinimum", "exclusiveMaximum") if random.random() < 0.7}
    return found


def spelled(random: Random) -> dict[str, Any]:
    """Integers that are written as decimals."""
    whole = [random.choice((1.0, 2.0, 10.0, -1.0, 1e2, 0.0)) for _ in range(2)]
    found: dict[str, Any] = {"type": "integer"} if random.random() < 0.6 else {}
    kind = random.randrange(3)
    if kind == 0:
        return found | {"enum": list(dict.fromkeys([*whole, 0.5]))}
    if kind == 1:
        return found | {"multipleOf": abs(whole[0]) or 1.0, "maximum": whole[1]}
    return found | {"const": whole[0]}

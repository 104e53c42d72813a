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

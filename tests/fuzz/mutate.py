"""Values close to a given one: the instances that tell a schema from one that is nearly the same.

A random instance violates most schemas at first sight. What a walk wrote satisfies its schema, and one
small change of it often lies just outside, or just inside another branch.
"""

from random import Random
from typing import Any

from tests.fuzz.values import NAMES, SCALARS, instance


def mutated(value: Any, random: Random) -> Any:
    """`value` with one change: somewhere a part replaced, dropped, added, repeated or moved."""
    if isinstance(value, dict) and value and random.random() < 0.6:
        key = random.choice(list(value))
        return {**value, key: mutated(value[key], random)}
    if isinstance(value, list) and value and random.random() < 0.6:
        index = random.randrange(len(value))
        return [*value[:index], mutated(value[index], random), *value[index + 1 :]]
    if isinstance(value, dict):
        return _with_other_members(value, random)
    if isinstance(value, list):
        return _with_other_items(value, random)
    if isinstance(value, str) and random.random() < 0.6:
        return _with_other_letters(value, random)
    return random.choice(SCALARS) if random.random() < 0.7 else instance(random, 1)


def _with_other_members(members: dict[str, Any], random: Random) -> dict[str, Any]:
    kind = random.randrange(3)
    if kind == 0 and members:
        dropped = random.choice(list(members))
        return {key: value for key, value in members.items() if key != dropped}
    if kind == 1:
        names = random.sample(list(members), len(members))
        return {name: members[name] for name in names}
    return {**members, random.choice(NAMES): instance(random, 1)}


def _with_other_items(items: list[Any], random: Random) -> list[Any]:
    kind, place = random.randrange(4), random.randrange(len(items) + 1)
    if kind == 0:
        return items[:place] + items[place + 1 :]
    if kind == 1:
        return random.sample(items, len(items))
    if kind == 2 and items:
        return [*items[:place], random.choice(items), *items[place:]]
    return [*items[:place], instance(random, 1), *items[place:]]


def _with_other_letters(text: str, random: Random) -> str:
    place = random.randrange(len(text) + 1)
    return text[:place] + random.choice(("a", "b", "é", "")) + text[place + random.randrange(2) :]

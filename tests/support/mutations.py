"""Requests that are nearly right: recorded ones, with something in them changed at random."""

import copy
import json
import random
from typing import Any

JUNK: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**70,
    0.5,
    -1e308,
    "",
    "x",
    "é\u2028\U0001f600",
    "\x00",
    "a" * 3000,
    "required",
    "function",
    "../../etc/passwd",
    [],
    {},
    [None],
    [[]],
    [{}],
    {"type": "function"},
    {"": ""},
    {"type": "object", "properties": {"a": {"$ref": "#"}}},
    {"$ref": "#/a"},
    {"not": {}},
    {"type": ["string", "null", 3]},
    {"pattern": "(a+)+$"},
    {"enum": []},
    {"minItems": 10**9, "type": "array"},
    {"allOf": [{"type": "string"}, {"type": "number"}]},
]


def mutated(body: dict[str, Any], random_: random.Random, changes: int) -> dict[str, Any]:
    """A copy with some changes: a value replaced, dropped, doubled, moved or wrapped."""
    found = copy.deepcopy(body)
    for _ in range(changes):
        _change(found, random_)
    return found


def garbled(raw: bytes, random_: random.Random) -> bytes:
    """The same bytes with a piece cut out, doubled or replaced."""
    first = random_.randrange(len(raw))
    last = min(len(raw), first + random_.randrange(1, 40))
    middle = random_.choice([b"", raw[first:last] * 2, random_.randbytes(8), b"\\ud800", b"1e999", b"NaN", b'"', b"}"])
    return raw[:first] + middle + raw[last:]


def _change(body: Any, random_: random.Random) -> None:
    holder, key = random_.choice(_places(body))
    value = holder[key]
    match random_.randrange(7):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[random_.choice(["", "x", f"{key}s", str(key).upper()])] = holder.pop(key)
        case 1 | 2:
            holder[key] = [value]
        case 3 if isinstance(holder, list):
            holder.insert(key, copy.deepcopy(value))
        case 3:
            other, place = random_.choice(_places(body))
            holder[key] = copy.deepcopy(other[place])
        case 4 if isinstance(value, str):
            holder[key] = value[: random_.randrange(len(value) + 1)] + random_.choice(["", "\ud800", "\n", '"}'])
        case 5:
            holder[key] = json.dumps(value)
        case _:
            holder[key] = copy.deepcopy(random_.choice(JUNK))


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value: what holds it, and the key there."""
    found: list[tuple[Any, Any]] = []
    todo = [value]
    while todo:
        here = todo.pop()
        keys = list(here) if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()
        found += [(here, key) for key in keys]
        todo += [here[key] for key in keys]
    return found or [({"": value}, "")]

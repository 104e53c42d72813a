"""Make a failing schema small: drop parts as long as it still fails."""

from collections.abc import Callable, Iterator
from typing import Any


def shrink(schema: Any, fails: Callable[[Any], bool]) -> Any:
    """A smallest schema in reach that fails; `fails(schema)` holds."""
    progress = True
    while progress:
        progress = False
        for smaller in _smaller(schema):
            if fails(smaller):
                schema, progress = smaller, True
                break
    return schema


def _smaller(value: Any) -> Iterator[Any]:
    """The values with one part dropped or replaced by something simpler; big steps first."""
    if isinstance(value, dict):
        yield from _smaller_members(value)
    elif isinstance(value, list):
        for index in range(len(value)):
            yield value[:index] + value[index + 1 :]
        for index, part in enumerate(value):
            for smaller in _smaller(part):
                yield [*value[:index], smaller, *value[index + 1 :]]
    elif isinstance(value, float) and not value.is_integer():
        yield int(value)
    elif isinstance(value, int) and not isinstance(value, bool) and value not in (0, 1):
        yield 1


def _smaller_members(members: dict[str, Any]) -> Iterator[Any]:
    kept = {key: part for key, part in members.items() if key == "$schema"}
    parts = {key: part for key, part in members.items() if key not in kept}
    for key in parts:
        yield {each: part for each, part in members.items() if each != key}
    for key, part in parts.items():
        if isinstance(part, dict) and key not in ("$defs", "definitions"):
            yield {**kept, **part}
    for key, part in parts.items():
        for smaller in _smaller(part):
            yield {**members, key: smaller}

"""Is a keyword's value well-formed? One small function per kind of value.

Idea. A metaschema says the same in JSON Schema, but running a validator over it costs milliseconds
and its errors speak about the metaschema. Here a check costs a fraction of a microsecond and speaks
about the mistake: `"type": "int"` asks for `"integer"`.

    check(value) -> None                             fine
                 -> Problem(message, hint, below)    not; `below` leads from the value to the culprit

Agreement with the metaschemas is the rule, and tests/unit/test_keywords.py holds the checks against
them. Four deliberate tolerances, all harmless to what is generated:
    * annotations (`title`, `examples`, ...) may have any value, since they restrict nothing;
    * `enum` may repeat a value (drafts 4 and 6 forbid it);
    * `required` and the lists of `dependencies` may be empty (draft 4 forbids it): nothing is asked for;
    * 5.0 is an integer in every draft, and `exclusiveMinimum: true` may stand alone in draft 4.
Patterns and formats are judged where they are compiled, not here.
"""

import difflib
import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Step: TypeAlias = str | int  # one step of a JSON pointer: a key, or an index into an array

DEEPEST_VALUE = 256  # nesting allowed inside `enum` and `const`, so that reading them may recurse


class Problem(NamedTuple):
    """What is wrong with a keyword's value."""

    message: str
    hint: str = ""
    below: tuple[Step, ...] = ()


Check: TypeAlias = Callable[[Json], Problem | None]

TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_MEANT = {
    **dict.fromkeys(("int", "int32", "int64", "long", "short", "uint"), "integer"),
    **dict.fromkeys(("float", "double", "decimal", "numeric", "real"), "number"),
    **dict.fromkeys(("str", "text", "char", "varchar", "uuid", "date", "datetime", "uri", "url"), "string"),
    **dict.fromkeys(("bool", "logical"), "boolean"),
    **dict.fromkeys(("dict", "map", "struct", "record", "hash", "json"), "object"),
    **dict.fromkeys(("list", "tuple", "set", "vector", "sequence"), "array"),
    **dict.fromkeys(("none", "nil", "undefined", "void"), "null"),
}
_ANCHOR_2019 = re.compile(r"[A-Za-z][-A-Za-z0-9.:_]*")
_ANCHOR_2020 = re.compile(r"[A-Za-z_][-A-Za-z0-9._]*")


def kind_of(value: object) -> str:
    """What JSON calls `value`, with its article: "a string", "an object"."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list() | tuple():
            return "an array"
        case _:
            return "an object"


def _expected(what: str, value: Json, hint: str = "") -> Problem:
    return Problem(f"must be {what}, not {kind_of(value)}", hint)


# Scalars


def boolean(value: Json) -> Problem | None:
    """true or false."""
    if type(value) is bool:
        return None
    quoted = isinstance(value, str) and value.lower() in ("true", "false")
    return _expected("a boolean", value, f"write {str(value).lower()} without quotes" if quoted else "")


def exclusive_flag(value: Json) -> Problem | None:
    """Draft 4's `exclusiveMinimum`: a boolean beside `minimum`."""
    if type(value) is bool:
        return None
    return _expected("a boolean in draft 4", value, 'a number here needs draft 6 or later: change "$schema"')


def string(value: Json) -> Problem | None:
    """Any string."""
    return None if type(value) is str else _expected("a string", value)


def number(value: Json) -> Problem | None:
    """A finite number."""
    kind = type(value)
    if kind is int or kind is float:
        return None
    return _expected("a number", value, _unquoted(value))


def bound(value: Json) -> Problem | None:
    """`exclusiveMinimum` and `exclusiveMaximum` since draft 6: the bound itself."""
    if type(value) is bool:
        hint = 'a boolean here is draft 4: write the bound itself, or add "$schema": "http://json-schema.org/draft-04/schema#"'
        return _expected("a number", value, hint)
    return number(value)


def positive_number(value: Json) -> Problem | None:
    """`multipleOf`: a number above zero."""
    problem = number(value)
    if problem is None and isinstance(value, int | float) and value <= 0:
        return Problem(f"must be greater than 0, not {value}")
    return problem


def size(value: Json) -> Problem | None:
    """A non-negative integer; 5.0 is one."""
    if type(value) is int or (type(value) is float and value.is_integer()):
        return None if value >= 0 else Problem(f"must not be negative, but is {value}")
    if type(value) is float:
        return Problem(f"must be an integer, not {value}")
    return _expected("a non-negative integer", value, _unquoted(value))


def _unquoted(value: Json) -> str:
    quoted = isinstance(value, str) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value)
    return f"write {value} without quotes" if quoted else ""


# Identifiers and references


def identifier(value: Json) -> Problem | None:
    """`$id` since 2019-09: a URI reference without a fragment."""
    if type(value) is str:
        if "#" in value[:-1]:
            return Problem(f"{value!r} has a fragment", 'name a place inside a resource with "$anchor"')
        return None
    return _expected("a string", value)


def _anchor(value: Json, allowed: re.Pattern[str]) -> Problem | None:
    if type(value) is str:
        if allowed.fullmatch(value):
            return None
        return Problem(f"{value!r} is not an anchor name", "a letter first, then letters, digits, '-', '_' and '.'")
    return _expected("a string", value)


def anchor_2019(value: Json) -> Problem | None:
    """`$anchor` in 2019-09."""
    return _anchor(value, _ANCHOR_2019)


def anchor_2020(value: Json) -> Problem | None:
    """`$anchor` and `$dynamicAnchor` in 2020-12."""
    return _anchor(value, _ANCHOR_2020)


def recursive_reference(value: Json) -> Problem | None:
    """`$recursiveRef`: only "#" has a meaning."""
    return None if value == "#" else Problem('must be "#"', 'use "$ref" for other targets')


# Types and values


def types(value: Json) -> Problem | None:
    """A type name or a non-empty list of different ones."""
    if type(value) is str:
        return None if value in TYPES else _unknown_type(value)
    if type(value) is not list:
        return _expected("a type name or a list of them", value)
    if not value:
        return Problem("must name at least one type", 'leave "type" out to allow any')
    for index, name in enumerate(value):
        if name not in TYPES:
            problem = _unknown_type(name) if isinstance(name, str) else _expected("a type name", name)
            return problem._replace(below=(index,))
    return None if len(set(map(str, value))) == len(value) else Problem("must not name a type twice")


def _unknown_type(name: str) -> Problem:
    lowered = name.strip().lower()
    meant = lowered if lowered in TYPES else _MEANT.get(lowered)
    if meant is None and lowered in ("any", "all", "mixed", "unknown", ""):
        return Problem(f"unknown type {name!r}", 'leave "type" out to allow any')
    if meant is None and re.fullmatch(r"\w+( *[|,] *\w+)+", lowered):
        return Problem(f"unknown type {name!r}", "several types are a list: [" + _quoted_names(lowered) + "]")
    if meant is None:
        close = difflib.get_close_matches(lowered, TYPES, n=1)
        meant = close[0] if close else None
    hint = f'did you mean "{meant}"?' if meant else f"the types are {', '.join(TYPES)}"
    return Problem(f"unknown type {name!r}", hint)


def _quoted_names(listed: str) -> str:
    return ", ".join(f'"{_MEANT.get(name, name)}"' for name in re.split(r" *[|,] *", listed))


def values(value: Json) -> Problem | None:
    """`enum`: a list of any JSON values."""
    if type(value) is not list:
        return _expected("an array of values", value, 'one value alone is "const"')
    for index, each in enumerate(value):
        if isinstance(each, dict | list) and (problem := constant(each)):
            return problem._replace(below=(index,))
    return None


def values_draft4(value: Json) -> Problem | None:
    """`enum` in draft 4: at least one value."""
    return Problem("must have at least one value") if value == [] else values(value)


def constant(value: Json) -> Problem | None:
    """`const`: any JSON value that is not nested absurdly deep."""
    level: list[Json] = [value]
    for _ in range(DEEPEST_VALUE):
        if not level:
            return None
        nested = [each for each in level if isinstance(each, dict | list)]
        level = [each for held in nested for each in (held.values() if isinstance(held, dict) else held)]
    return Problem(f"is nested deeper than {DEEPEST_VALUE} levels")


# Names


def names(value: Json) -> Problem | None:
    """`required`: a list of different strings."""
    if type(value) is list:
        for index, name in enumerate(value):
            if type(name) is not str:
                return _expected("a property name", name)._replace(below=(index,))
        if len(set(map(str, value))) < len(value):
            twice = next(name for index, name in enumerate(value) if name in value[:index])
            return Problem(f"must not list {twice!r} twice")
        return None
    if type(value) is bool:
        hint = "the object that holds the property lists the names it requires"
        return _expected("an array of property names", value, hint)
    return _expected("an array of property names", value, f'write ["{value}"]' if isinstance(value, str) else "")


def names_by_name(value: Json) -> Problem | None:
    """`dependentRequired`: property name -> list of names."""
    if type(value) is not dict:
        return _expected("an object of name lists", value)
    for name, required in value.items():
        if problem := names(required):
            return problem._replace(below=(name, *problem.below))
    return None


# Subschemas. Only the container is judged: each schema inside is visited on its own.


def schema_map(value: Json) -> Problem | None:
    """`properties` and friends: name -> schema."""
    if type(value) is dict:
        return None
    hint = "write one key per property" if isinstance(value, list) else ""
    return _expected("an object of schemas", value, hint)


def schema_list(value: Json) -> Problem | None:
    """`allOf` and friends: a non-empty list of schemas."""
    if type(value) is list:
        return None if value else Problem("must have at least one schema")
    return _expected("an array of schemas", value)


def one_schema(value: Json) -> Problem | None:
    """`items` in 2020-12: a schema; its list form has another name there."""
    if type(value) is list:
        hint = (
            'the list form is "prefixItems" in 2020-12; for the older meaning '
            'add "$schema": "https://json-schema.org/draft/2019-09/schema"'
        )
        return _expected("a schema", value, hint)
    return None


def schema_or_list(value: Json) -> Problem | None:
    """`items` before 2020-12: a schema, or a non-empty list of them."""
    return Problem("must have at least one schema") if value == [] else None


def dependencies(value: Json) -> Problem | None:
    """`dependencies`: name -> schema or list of names."""
    if type(value) is not dict:
        return _expected("an object", value)
    for name, needs in value.items():
        if isinstance(needs, list) and (problem := names(needs)):
            return problem._replace(below=(name, *problem.below))
    return None

"""From the bytes of a request to a checked body, with the place of whatever is wrong.

Every field of every format is one of three things, and its model says which:

    honoured            it has a type of its own
    a documented no-op  `NoOp`: it has no effect on the answer, by the nature of a server like this one
    refused             `Refused`, or any name that the model does not have: 400 with that name

Values are taken as they are: "0.5" is no number. JSON is read to the letter (no NaN, no key given twice).
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from server.errors import RequestError, invalid, unsupported

MOST_MESSAGES = 10_000
MOST_TOOLS = 1_000
MOST_STOPS = 16
MOST_CHOICES = 16
MOST_SCORES = 20  # OpenAI's limit for top_logprobs

NoOp = Annotated[object, Field(description="Accepted and of no effect.")]


def _refuse(value: object) -> object:
    if not value:  # null, an empty list: nothing is asked for
        return value
    raise PydanticCustomError("refused", "is not supported")


Refused = Annotated[object, AfterValidator(_refuse), Field(description="Refused: it cannot be honoured.")]

Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Temperature = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Penalty = Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)]
Limit = Annotated[int, Field(ge=1, le=1 << 31)]
Seed = Annotated[int, Field(ge=-(1 << 63), le=(1 << 64) - 1)]
Messages = Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MOST_MESSAGES)]
Tools = Annotated[list[dict[str, Any]], Field(max_length=MOST_TOOLS)]


class Body(BaseModel):
    """A request's body: unknown fields are refused, values are not converted."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, protected_namespaces=())


B = TypeVar("B", bound=Body)

# The parts of a body in which a lone surrogate is only a broken character of somebody's text.
_PROSE = ("messages", "input", "instructions", "system")
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def read_body(raw: bytes, kind: type[B], ignored: frozenset[str] = frozenset()) -> B:
    """Read a request's body. Raises RequestError with the field that is wrong; `ignored` fields are dropped."""
    value = _as_json(raw)
    if not isinstance(value, dict):
        raise invalid("the body must be a JSON object", code="invalid_json")
    fields = cast("dict[str, Any]", value)
    fields = {key: field for key, field in fields.items() if key not in ignored}
    if _ESCAPED_SURROGATE.search(raw):
        fields = {key: _mended(field) if key in _PROSE else _encodable(field, key) for key, field in fields.items()}
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise _refusal(error, fields) from error


# ---------------------------------------------------------------- JSON


def _as_json(raw: bytes) -> object:
    try:
        return json.loads(raw, object_pairs_hook=_members, parse_float=_number, parse_constant=_number)
    except RecursionError:
        raise invalid("the body is nested too deeply", code="invalid_json") from None
    except UnicodeDecodeError:
        raise invalid("the body is not UTF-8", code="invalid_json") from None
    except ValueError as error:
        hint = "" if raw else " (it is empty)"
        raise invalid(f"the body is not JSON{hint}: {error}", code="invalid_json") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f"the key {twice!r} is given twice")
    return members


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a number in JSON")
    return value


def _encodable(value: object, key: str) -> object:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise invalid(f"a lone surrogate in {key}", key) from None
    return value


def _mended(value: object) -> object:
    """The same, with U+FFFD for lone surrogates."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [_mended(each) for each in cast("list[object]", value)]
        case dict():
            return {_mended(key): _mended(each) for key, each in cast("dict[str, object]", value).items()}
        case _:
            return value


# ---------------------------------------------------------------- refusals


def _refusal(error: ValidationError, fields: Mapping[str, Any]) -> RequestError:
    first = error.errors(include_url=False)[0]
    param = _place(first["loc"], fields)
    match first["type"]:
        case "missing":
            return invalid(f"missing field {param!r}", param, "missing_required_parameter")
        case "extra_forbidden" | "refused":
            return unsupported(param)
        case _:
            return invalid(f"{param}: {first['msg'][:1].lower()}{first['msg'][1:]}", param, "invalid_value")


def _place(path: tuple[int | str, ...], fields: Mapping[str, Any]) -> str:
    """A path as written in JSON: `messages[2].role`. Names of types that pydantic adds are left out."""
    place = ""
    here: object = fields
    for step in path:
        match here:
            case dict() if isinstance(step, str):
                place += f".{step}" if place else step
                here = cast("dict[str, object]", here).get(step)
            case list() if isinstance(step, int):
                place += f"[{step}]"
                items = cast("list[object]", here)
                here = items[step] if step < len(items) else None
            case _:
                break
    return place

"""Reference texts: what part of which resource does "$ref" name, and what to say when it is none.

    "other.json#/$defs/a~1b"    against base http://x/y/z
     `--------'`-----------'
     URI         fragment       http://x/y/other.json, the JSON pointer /$defs/a~1b

Source: RFC 3986 (relative references), RFC 6901 (JSON pointers), section 8.2 of JSON Schema 2020-12.
"""

import difflib
import re
from collections.abc import Sequence
from functools import cache
from typing import Any, cast
from urllib.parse import unquote, urldefrag, urljoin

from constrained.errors import InvalidGrammar, UnsupportedFeature, Where
from grammars.json_schema.dialects import Dialect, schema_depth
from grammars.json_schema.keywords import Json, Step, kind_of

_HOLDERS = ("$defs", "definitions")  # where authors keep what they refer to
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")


def split(base: str, reference: str) -> tuple[str, str]:
    """The URI and the fragment (still percent-encoded) that `reference` means where `base` governs."""
    if reference.startswith("#"):
        return base, reference[1:]
    uri, fragment = urldefrag(urljoin(base, reference))
    return uri, fragment


def pointer_steps(fragment: str) -> list[str]:
    """The steps of a JSON pointer in a URI fragment: `/a~1b/%25` -> ["a/b", "%"]."""
    return [step.replace("~1", "/").replace("~0", "~") for step in unquote(fragment).split("/")[1:]]


def descend(value: Json, step: str) -> tuple[Step, Json] | None:
    """One step of a JSON pointer: the key or index it is, and what is there; None when nothing is."""
    if isinstance(value, dict):
        return (step, value[step]) if step in value else None
    if isinstance(value, list) and _INDEX.fullmatch(step):
        return (int(step), value[int(step)]) if int(step) < len(value) else None
    return None


def keys_to_schema(above: dict[str, Any] | bool, dialect: Dialect, names: Sequence[Step]) -> list[Step]:
    """The first of `names` (one or two) that lead to a schema in `above`; none when they do not."""
    if isinstance(above, bool) or names[0] not in above or names[0] not in dialect.rules:
        return []
    role, value = dialect.rules[str(names[0])].role, above[str(names[0])]
    depth = schema_depth(role, value)
    if depth == 0:
        return [names[0]]
    if depth < 0 or len(names) < 2:
        return []
    found = descend(value, str(names[1]))
    return [names[0], found[0]] if found is not None and not isinstance(found[1], list) else []


def remote(reference: str, uri: str, root: Json, where: Where) -> UnsupportedFeature:
    """The refusal of a reference to a document that is not here."""
    hint = _defined(reference, root) or 'nothing is fetched: copy the schema under "$defs" and refer to it there'
    named = repr(reference) if uri == reference else f"{reference!r}, which is {uri!r},"
    return UnsupportedFeature(f"{named} is another document", where=where, hint=hint)


def nowhere(reference: str, value: Json, step: str, root: Json, where: Where) -> InvalidGrammar:
    """The error for a pointer of which `step` is missing in `value`."""
    hint = _defined(reference.rpartition("/")[2], root)
    if not hint and isinstance(value, dict):
        close = difflib.get_close_matches(step, value, n=1)
        hint = f"did you mean {close[0]!r}?" if close else ""
    return InvalidGrammar(f"{reference!r} points nowhere: no {step!r} there", where=where, hint=hint)


def _defined(name: str, root: Json) -> str:
    """The hint that `name` is among the root's definitions, or ""."""
    if isinstance(root, dict):
        for holder in _HOLDERS:
            if isinstance(held := root.get(holder), dict) and name in held:
                return f'did you mean "{Where() / holder / name}"?'
    return ""


def no_anchor(reference: str, name: str, anchors: list[str], where: Where) -> InvalidGrammar:
    """The error for a fragment that no schema in the resource is named."""
    close = difflib.get_close_matches(name, anchors, n=1)
    hint = f'did you mean "#{close[0]}"?' if close else 'a JSON pointer starts with "#/"'
    return InvalidGrammar(f"{reference!r} points nowhere: no schema is named {name!r}", where=where, hint=hint)


def no_schema(reference: str, value: Json, where: Where) -> InvalidGrammar:
    """The error for a reference to something that cannot be a schema."""
    return InvalidGrammar(f"{reference!r} points at {kind_of(value)}, not at a schema", where=where)


def ambiguous(reference: str, where: Where) -> InvalidGrammar:
    """The error for a reference to an identifier that two schemas claim."""
    return InvalidGrammar(f"{reference!r} could be either of two schemas with that identifier", where=where)


@cache
def bundled(uri: str) -> Json:
    """The contents of the official metaschema with this URI, None if there is none. Do not change them.

    Up to draft 7 their URIs say "http:"; "https:", which is where they are found, means them too.
    """
    if "json-schema.org/" not in uri:
        return None
    # Here and not at the top: the import reads all metaschemas, 0.1 s that hardly any schema needs.
    from jsonschema_specifications import REGISTRY  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]

    found = REGISTRY.get(uri) or REGISTRY.get(uri.replace("https:", "http:", 1))
    return cast(Json, found.contents) if found is not None else None

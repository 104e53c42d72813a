"""The drafts of JSON Schema as tables: which keywords each has, and what their values hold.

Idea. One row per keyword says from which draft to which it exists, what it is for (`Kind`), what the
walk over a schema finds in its value (`Role`) and how the value is checked:

    keyword      drafts       kind        role      check
    contains     6 ...        CONSTRAINT  SCHEMA    -
    items        4 ... 2019   CONSTRAINT  ITEMS     schema_or_list
    items        2020 ...     CONSTRAINT  SCHEMA    one_schema

A dialect is the column of rows that cover its draft. A keyword of another draft is IGNORED, as the
standard says, but not silently: `Dialect.note` says what its author may have meant. Any other word is
an annotation.

Where the drafts' prose leaves room, this follows the `jsonschema` library, which judges what we
generate: `dependencies` means nothing since 2019-09, `definitions` still holds schemas there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from types import MappingProxyType
from typing import NamedTuple

from constrained.errors import InvalidGrammar, UnsupportedFeature, Where
from grammars.json_schema import keywords as check
from grammars.json_schema.keywords import Check, Json, Step


class Kind(Enum):
    """What a keyword is for, in one dialect."""

    CONSTRAINT = auto()  # restricts instances: enforced exactly, or the schema is refused
    REFERENCE = auto()  # stands for another schema, which does
    STRUCTURE = auto()  # names and holds schemas for references to find; restricts nothing
    ANNOTATION = auto()  # speaks to people and programs; restricts nothing
    IGNORED = auto()  # restricts instances in another draft, and nothing in this one


class Verdict(StrEnum):
    """What became of one schema location when a grammar was compiled."""

    ENFORCED = "enforced"
    ANNOTATION = "annotation"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"


class Role(Enum):
    """What the walk over a schema finds in a keyword's value."""

    PLAIN = auto()  # nothing
    SIZE = auto()  # an integer, which may be written 5.0 and is then made 5
    SCHEMA = auto()
    SCHEMA_OR_FLAG = auto()  # a schema or, although draft 4 has no boolean schemas, a boolean
    SCHEMAS = auto()  # a list of schemas
    SCHEMA_MAP = auto()  # name -> schema
    ITEMS = auto()  # a schema or a list of them
    DEPENDENCIES = auto()  # name -> schema or list of names
    REFERENCE = auto()
    ANCHOR = auto()
    DYNAMIC_ANCHOR = auto()
    RECURSIVE_ANCHOR = auto()


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """What the walk does with a keyword. Only keywords it does something with have one."""

    keyword: str
    role: Role
    check: Check | None


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What a keyword that restricts brings in."""

    keyword: str
    role: Role | None  # of the schemas in it; None where there are none
    in_place: bool  # do they speak about the value itself?


class _Row(NamedTuple):
    keywords: str  # separated by spaces
    first: int
    last: int
    kind: Kind
    role: Role
    check: Check | None


_LATEST = 2020
_C, _S, _A, _R = Kind.CONSTRAINT, Kind.STRUCTURE, Kind.ANNOTATION, Kind.REFERENCE
_ROWS = (
    _Row("$schema id", 4, 4, _S, Role.PLAIN, check.string),
    _Row("$schema $id", 6, 7, _S, Role.PLAIN, check.string),
    _Row("$schema", 2019, _LATEST, _S, Role.PLAIN, check.string),
    _Row("$id", 2019, _LATEST, _S, Role.PLAIN, check.identifier),
    _Row("$anchor", 2019, 2019, _S, Role.ANCHOR, check.anchor_2019),
    _Row("$anchor", 2020, _LATEST, _S, Role.ANCHOR, check.anchor_2020),
    _Row("$recursiveAnchor", 2019, 2019, _S, Role.RECURSIVE_ANCHOR, check.boolean),
    _Row("$dynamicAnchor", 2020, _LATEST, _S, Role.DYNAMIC_ANCHOR, check.anchor_2020),
    _Row("$ref", 4, _LATEST, _R, Role.REFERENCE, check.string),
    _Row("$recursiveRef", 2019, 2019, _R, Role.REFERENCE, check.recursive_reference),
    _Row("$dynamicRef", 2020, _LATEST, _R, Role.REFERENCE, check.string),
    _Row("definitions", 4, _LATEST, _S, Role.SCHEMA_MAP, check.schema_map),
    _Row("$defs", 2019, _LATEST, _S, Role.SCHEMA_MAP, check.schema_map),
    _Row("$vocabulary", 2019, _LATEST, _S, Role.PLAIN, None),
    _Row("title description default", 4, _LATEST, _A, Role.PLAIN, None),
    _Row("examples", 6, _LATEST, _A, Role.PLAIN, None),
    _Row("$comment readOnly writeOnly contentMediaType", 7, _LATEST, _A, Role.PLAIN, None),
    _Row("deprecated", 2019, _LATEST, _A, Role.PLAIN, None),
    _Row("contentSchema", 2019, _LATEST, _A, Role.SCHEMA, None),
    # Any type
    _Row("type", 4, _LATEST, _C, Role.PLAIN, check.types),
    _Row("enum", 4, 4, _C, Role.PLAIN, check.values_draft4),
    _Row("enum", 6, _LATEST, _C, Role.PLAIN, check.values),
    _Row("const", 6, _LATEST, _C, Role.PLAIN, check.constant),
    _Row("allOf anyOf oneOf", 4, _LATEST, _C, Role.SCHEMAS, check.schema_list),
    _Row("not", 4, _LATEST, _C, Role.SCHEMA, None),
    _Row("if then else", 7, _LATEST, _C, Role.SCHEMA, None),
    # Strings
    _Row("minLength maxLength", 4, _LATEST, _C, Role.SIZE, check.size),
    _Row("pattern format", 4, _LATEST, _C, Role.PLAIN, check.string),
    _Row("contentEncoding", 7, _LATEST, _C, Role.PLAIN, check.string),
    # Numbers
    _Row("multipleOf", 4, _LATEST, _C, Role.PLAIN, check.positive_number),
    _Row("minimum maximum", 4, _LATEST, _C, Role.PLAIN, check.number),
    _Row("exclusiveMinimum exclusiveMaximum", 4, 4, _C, Role.PLAIN, check.exclusive_flag),
    _Row("exclusiveMinimum exclusiveMaximum", 6, _LATEST, _C, Role.PLAIN, check.bound),
    # Arrays
    _Row("items", 4, 2019, _C, Role.ITEMS, check.schema_or_list),
    _Row("items", 2020, _LATEST, _C, Role.SCHEMA, check.one_schema),
    _Row("prefixItems", 2020, _LATEST, _C, Role.SCHEMAS, check.schema_list),
    _Row("additionalItems", 4, 4, _C, Role.SCHEMA_OR_FLAG, None),
    _Row("additionalItems", 6, 2019, _C, Role.SCHEMA, None),
    _Row("unevaluatedItems", 2019, _LATEST, _C, Role.SCHEMA, None),
    _Row("contains", 6, _LATEST, _C, Role.SCHEMA, None),
    _Row("minContains maxContains", 2019, _LATEST, _C, Role.SIZE, check.size),
    _Row("minItems maxItems", 4, _LATEST, _C, Role.SIZE, check.size),
    _Row("uniqueItems", 4, _LATEST, _C, Role.PLAIN, check.boolean),
    # Objects
    _Row("properties patternProperties", 4, _LATEST, _C, Role.SCHEMA_MAP, check.schema_map),
    _Row("additionalProperties", 4, 4, _C, Role.SCHEMA_OR_FLAG, None),
    _Row("additionalProperties", 6, _LATEST, _C, Role.SCHEMA, None),
    _Row("unevaluatedProperties", 2019, _LATEST, _C, Role.SCHEMA, None),
    _Row("propertyNames", 6, _LATEST, _C, Role.SCHEMA, None),
    _Row("required", 4, _LATEST, _C, Role.PLAIN, check.names),
    _Row("minProperties maxProperties", 4, _LATEST, _C, Role.SIZE, check.size),
    _Row("dependencies", 4, 7, _C, Role.DEPENDENCIES, check.dependencies),
    _Row("dependentRequired", 2019, _LATEST, _C, Role.PLAIN, check.names_by_name),
    _Row("dependentSchemas", 2019, _LATEST, _C, Role.SCHEMA_MAP, check.schema_map),
)

# Keywords with schemas for the value itself.
_IN_PLACE = frozenset("$ref allOf anyOf oneOf not if then else dependentSchemas dependencies".split())

# What the author of an ignored word may have meant.
_MEANT = MappingProxyType(
    {
        "dependencies": 'write "dependentRequired" or "dependentSchemas", or declare an earlier "$schema"',
        "additionalItems": 'beside "prefixItems", "items" is the schema of the rest',
        "nullable": 'OpenAPI\'s word; write "type": [..., "null"]',
        "discriminator": "OpenAPI's word; anyOf or oneOf is enforced without it",
        "divisibleBy": 'draft 3\'s word; write "multipleOf"',
        "disallow": 'draft 3\'s word; write "not"',
        "extends": 'draft 3\'s word; write "allOf"',
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """One draft. Compare with `is`: there is one object per draft, in `DIALECTS`."""

    name: str  # "draft4" ... "draft2020-12"
    uri: str  # what "$schema" says
    number: int  # 4, 6, 7, 2019, 2020
    keywords: Mapping[str, Kind]
    rules: Mapping[str, Rule] = field(repr=False)
    says: Mapping[str, "Said"] = field(repr=False)  # keywords that restrict
    id_keyword: str  # "id" or "$id"

    @property
    def ref_overrides_siblings(self) -> bool:
        """Are all other keywords beside "$ref" ignored?"""
        return self.number <= 7

    @property
    def names_in_ids(self) -> bool:
        """Is `"$id": "#name"` an anchor?"""
        return self.number <= 7

    @property
    def boolean_schemas(self) -> bool:
        """Are true and false schemas?"""
        return self.number > 4

    @property
    def exclusive_bounds_are_flags(self) -> bool:
        """Is "exclusiveMinimum" a boolean that modifies "minimum"?"""
        return self.number == 4

    @property
    def items_may_be_a_list(self) -> bool:
        """Is the list of leading items called "items", and the schema of the rest "additionalItems"?"""
        return self.number < 2020

    def kind(self, keyword: str) -> Kind:
        """What `keyword` is here; a word no draft knows is an annotation."""
        return self.keywords.get(keyword, Kind.ANNOTATION)

    def note(self, keyword: str) -> str:
        """What to tell the author about a keyword that restricts nothing here, or ""."""
        kind, meant = self.kind(keyword), _MEANT.get(keyword, "")
        if kind is Kind.IGNORED:
            drafts = ", ".join(each.name for each in DIALECTS if each.kind(keyword) in (_C, _R))
            return f"{keyword!r} means something in {drafts}, and nothing in {self.name}" + (meant and f": {meant}")
        return f"{keyword!r} is not a keyword: {meant}" if meant and kind is Kind.ANNOTATION else ""


def schema_depth(role: Role, value: Json) -> int:
    """How many steps below a keyword's value its schemas lie: 0 it is one, 1 it holds some, -1 neither."""
    if role is Role.SCHEMA or role is Role.SCHEMA_OR_FLAG:
        return 0
    if role is Role.ITEMS:
        return 1 if isinstance(value, list) else 0
    return 1 if role in (Role.SCHEMA_MAP, Role.SCHEMAS, Role.DEPENDENCIES) else -1


def subschemas(role: Role, value: Json) -> Iterator[tuple[tuple[Step, ...], Json]]:
    """The schemas in a keyword's value, each with the steps from the value to it."""
    depth = schema_depth(role, value)
    if depth == 0:
        yield (), value
    elif depth == 1 and isinstance(value, dict | list):
        for step, each in value.items() if isinstance(value, dict) else enumerate(value):
            if role is not Role.DEPENDENCIES or not isinstance(each, list):
                yield (step,), each


def _dialect(name: str, uri: str, number: int) -> Dialect:
    kinds: dict[str, Kind] = {}
    rules: dict[str, Rule] = {}
    for row in _ROWS:
        for keyword in row.keywords.split():
            if not row.first <= number <= row.last:
                if row.kind in (_C, _R):
                    kinds.setdefault(keyword, Kind.IGNORED)
                continue
            kinds[keyword] = row.kind
            if row.role is not Role.PLAIN or row.check is not None:
                rules[keyword] = Rule(keyword, row.role, row.check)
    says: dict[str, Said] = {}
    for keyword, kind in kinds.items():
        if kind in (Kind.CONSTRAINT, Kind.REFERENCE):
            role = rules[keyword].role if keyword in rules else Role.PLAIN
            says[keyword] = Said(keyword, None if role in (Role.PLAIN, Role.SIZE) else role, keyword in _IN_PLACE)
    return Dialect(
        name,
        uri,
        number,
        MappingProxyType(kinds),
        MappingProxyType(rules),
        MappingProxyType(says),
        "id" if number == 4 else "$id",
    )


DRAFT4 = _dialect("draft4", "http://json-schema.org/draft-04/schema#", 4)
DRAFT6 = _dialect("draft6", "http://json-schema.org/draft-06/schema#", 6)
DRAFT7 = _dialect("draft7", "http://json-schema.org/draft-07/schema#", 7)
DRAFT2019_09 = _dialect("draft2019-09", "https://json-schema.org/draft/2019-09/schema", 2019)
DRAFT2020_12 = _dialect("draft2020-12", "https://json-schema.org/draft/2020-12/schema", 2020)
DIALECTS = (DRAFT4, DRAFT6, DRAFT7, DRAFT2019_09, DRAFT2020_12)
DEFAULT = DRAFT2020_12  # of a schema without "$schema"


def _plain(uri: str) -> str:
    """Without what authors vary: the scheme's "s", and an empty fragment."""
    return uri.strip().removesuffix("#").removeprefix("https:").removeprefix("http:")


# Hyper-schemas validate like schemas; what they add ("links", "base") are annotations.
_BY_URI = MappingProxyType(
    {_plain(uri): each for each in DIALECTS for uri in (each.uri, each.uri.replace("/schema", "/hyper-schema"))}
    | {_plain("https://json-schema.org/schema"): DEFAULT}  # "the latest", whichever that is
)


def known_dialect(declared: object) -> Dialect | None:
    """The dialect that a "$schema" declares, if it is written as most write it."""
    return _BY_URI.get(declared) if isinstance(declared, str) else None


def dialect_named(declared: object, where: Where) -> Dialect:
    """The dialect that a "$schema" declares.

    Raises InvalidGrammar when it is no string, UnsupportedFeature when it names no draft known here.
    """
    if not isinstance(declared, str):
        raise InvalidGrammar(f"must be a string, not {check.kind_of(declared)}", where=where)
    dialect = _BY_URI.get(_plain(declared))
    if dialect is None:
        hint = f"known are drafts 4, 6, 7, 2019-09 and 2020-12, which is {DEFAULT.uri}"
        raise UnsupportedFeature(f"unknown dialect {declared!r}", where=where, hint=hint)
    return dialect

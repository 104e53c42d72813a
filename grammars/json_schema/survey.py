"""One walk over a schema: is it well-formed, and what can be referred to?

Idea. Breadth first, so that the outermost mistake is the one reported, and level by level, so that
depth is a count of levels and no schema can overflow Python's stack. On the way it notes the
*resources* (parts with a URI of their own), the anchors in each, and every reference:

    {"$id": "http://x/a",                           region "http://x/a"  at #
     "properties": {"p": {"$ref": "c#D"}},              reference "c#D"
     "$defs": {"b": {"$anchor": "B"},                   anchor B         at #/$defs/b
               "c": {"$id": "c",                    region "http://x/c"  at #/$defs/c
                     "$defs": {"d": {"$anchor": "D"}}}}}    anchor D     at #/$defs/c/$defs/d

It costs about half a microsecond a keyword and makes no object per schema: places are linked tuples
until an error or a reference needs them.
"""

from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias
from urllib.parse import urljoin

from constrained.errors import InvalidGrammar, LimitExceeded, UnsupportedFeature, Where
from grammars.json_schema.dialects import Dialect, Role, dialect_named, known_dialect, subschemas
from grammars.json_schema.forms import Form, form_of
from grammars.json_schema.keywords import Json, Problem, Step, kind_of

Path: TypeAlias = "tuple[Path, Step] | None"  # linked leaf to root, like Where, and four times cheaper

RECURSIVE = ""  # the dynamic anchor that `"$recursiveAnchor": true` is; no written name is empty


@dataclass(frozen=True, slots=True)
class SchemaLimits:
    """What a schema may cost before anything is compiled.

    `max_bytes` of its JSON text, `max_depth` of schemas inside schemas, `max_subschemas` in all.
    """

    max_bytes: int = 1 << 20
    max_depth: int = 200
    max_subschemas: int = 50_000


@dataclass(slots=True, eq=False)
class Region:
    """A resource as the walk finds it: what one base URI governs, embedded resources excluded."""

    uri: str
    path: Path
    anchors: dict[str, Path] = field(default_factory=dict[str, Path])
    dynamic_anchors: dict[str, Path] = field(default_factory=dict[str, Path])
    ambiguous: set[str] = field(default_factory=set[str])  # anchor names given twice


def steps(path: Path) -> list[Step]:
    """A path's steps, root to leaf."""
    found: list[Step] = []
    while path is not None:
        path, step = path
        found.append(step)
    return found[::-1]


# A schema to visit, with where it is: the path above it, and the step from there (none to where the walk begins).
_Item: TypeAlias = tuple[Any, Path, Step | None, Region, Dialect]


def _below(path: Path, step: Step | None) -> Path:
    """A step further down, if there is one."""
    return path if step is None else (path, step)


class Survey:
    """The walk and what it found; one per document, so that the limits count across `visit`s."""

    def __init__(self, root: Where, limits: SchemaLimits) -> None:
        self._root = root
        self._limits = limits
        self._visited = 0
        self.regions: list[Region] = []
        self.references: list[tuple[Region, str]] = []  # as written
        # What plain documents (plain_documents.py) are told by.
        self.is_eager = False
        self.chooses = False
        self.counting: list[tuple[Form, dict[str, Any]]] = []

    def end(self) -> None:
        """Let go of what was found."""
        for found in (self.regions, self.references, self.counting):
            found.clear()

    def visit(self, schema: Json, path: Path, region: Region, dialect: Dialect, *, named: bool = True) -> None:
        """Walk `schema`, found at `path`.

        With `named` False it lies below a keyword that its dialect does not know. The standard leaves
        open whether identifiers there count, so they are refused.

        Raises InvalidGrammar, UnsupportedFeature or LimitExceeded, each with its place.
        """
        level: list[_Item] = [(schema, path, None, region, dialect)]
        depth = len(steps(path))
        while level:
            depth += 1
            self._visited += len(level)
            if depth > self._limits.max_depth:
                place = _below(level[0][1], level[0][2])
                self._exceeded(f"schemas nested deeper than {self._limits.max_depth}", place, "max_depth")
            if self._visited > self._limits.max_subschemas:
                self._exceeded(f"more than {self._limits.max_subschemas} subschemas", None, "max_subschemas")
            below: list[_Item] = []
            for item in level:
                if type(item[0]) is dict:
                    self._keywords(item, below, named)
                else:
                    self._boolean(item[0], _below(item[1], item[2]), item[4])
            level = below

    def _keywords(self, item: _Item, below: list[_Item], named: bool) -> None:
        """Check one schema's keywords and append the schemas in them to `below`."""
        schema: dict[str, Any]
        schema, above, step, region, dialect = item
        form = form_of(schema, dialect)
        path = None if form.is_leaf and not form.names_itself else _below(above, step)  # most have none in them
        if form.names_itself:
            region, dialect = self._enter(schema, path, region, dialect, named)
            form = form_of(schema, dialect)
        self.is_eager |= form.eager
        self.chooses |= form.chooses
        if form.counting:
            self.counting.append((form, schema))
        for rule in form.checks:
            keyword, role = rule.keyword, rule.role
            value = schema[keyword]
            if rule.check is not None and (problem := rule.check(value)) is not None:
                self._malformed(problem, _below(above, step), keyword)
            if role is Role.PLAIN:
                continue
            here = (path, keyword)
            if role is Role.SCHEMA_MAP:
                below += [(each, here, name, region, dialect) for name, each in value.items()]
            elif role is Role.SCHEMA:
                below.append((value, path, keyword, region, dialect))
            elif role is Role.REFERENCE:
                self.references.append((region, value))
            elif role is Role.SIZE:
                schema[keyword] = int(value)
            elif role is Role.ANCHOR or role is Role.DYNAMIC_ANCHOR or role is Role.RECURSIVE_ANCHOR:
                self._anchor(role, value, path, region, named)
            elif role is not Role.SCHEMA_OR_FLAG or type(value) is not bool:
                found = subschemas(role, value)
                below += [(each, here, to[0] if to else None, region, dialect) for to, each in found]

    def _anchor(self, role: Role, value: Any, path: Path, region: Region, named: bool) -> None:
        """Note an anchor in its region."""
        if not named:
            return  # nothing can refer to it
        if role is Role.RECURSIVE_ANCHOR:
            if value and path is region.path:  # elsewhere it means nothing
                region.dynamic_anchors[RECURSIVE] = path
            return
        if value in region.anchors and region.anchors[value] != path:
            region.ambiguous.add(value)
        region.anchors[value] = path
        if role is Role.DYNAMIC_ANCHOR:
            region.dynamic_anchors[value] = path

    def _enter(
        self, schema: dict[str, Any], path: Path, region: Region, dialect: Dialect, named: bool
    ) -> tuple[Region, Dialect]:
        """The region and dialect inside a schema with an "$id" or a "$schema"."""
        if "$schema" in schema:
            name = schema["$schema"]
            declared = known_dialect(name) or dialect_named(name, self.where(path) / "$schema")
            if not named and declared is not dialect:
                where = self.where(path) / "$schema"
                raise UnsupportedFeature(f"a dialect below a keyword that {dialect.name} does not know", where=where)
            dialect = declared
        name = schema.get(dialect.id_keyword)
        if type(name) is not str:
            return region, dialect
        if dialect.names_in_ids and name.startswith("#"):
            if len(name) > 1:
                self._anchor(Role.ANCHOR, name[1:], path, region, named)
            return region, dialect
        if dialect.ref_overrides_siblings and "$ref" in schema:
            return region, dialect
        if not named:
            raise UnsupportedFeature(
                f"an identifier below a keyword that {dialect.name} does not know",
                where=self.where(path) / dialect.id_keyword,
                hint='move the schema under "$defs" (before 2019-09: "definitions")',
            )
        region = Region(urljoin(region.uri, name).rstrip("#"), path)
        self.regions.append(region)
        return region, dialect

    def where(self, path: Path) -> Where:
        """`path` as a place to print."""
        where = self._root
        for step in steps(path):
            where /= step
        return where

    def _boolean(self, schema: Json, path: Path, dialect: Dialect) -> None:
        """Check a schema that is not an object."""
        if type(schema) is bool:
            if dialect.boolean_schemas:
                return
            hint = '{} allows everything, {"not": {}} nothing'
            raise InvalidGrammar("a boolean is not a schema in draft 4", where=self.where(path), hint=hint)
        hint = ""
        if path is not None and path[1] == "$ref":
            hint = '"$ref" is the name of a property here; move it one level up'
        elif isinstance(schema, str):
            hint = f'write {{"type": "{schema}"}}'
        raise InvalidGrammar(f"must be a schema, not {kind_of(schema)}", where=self.where(path), hint=hint)

    def _malformed(self, problem: Problem, path: Path, keyword: str) -> NoReturn:
        where = self.where(path) / keyword
        for step in problem.below:
            where /= step
        message = problem.message if not problem.message.startswith("must") else f"{keyword!r} {problem.message}"
        raise InvalidGrammar(message, where=where, hint=problem.hint)

    def _exceeded(self, message: str, path: Path, limit: str) -> NoReturn:
        raise LimitExceeded(message, where=self.where(path), hint=f"the limit is SchemaLimits.{limit}")

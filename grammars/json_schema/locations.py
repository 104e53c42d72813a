"""The schemas in a document: a tree of locations, and the resources that they lie in.

    Location   one schema: keywords, dialect, resource, place
    Resource   a part of a document with a base URI of its own ("$id"); the whole, when there is no "$id"

A location is made when somebody first asks for it and then kept, so the same schema is the same object and locations
serve as keys.

Dynamic references. What "$dynamicRef" means depends on the resources that were entered on the way to
it. A compiler that meets a document with `is_dynamic` carries a *scope* along:

    scope = root.resource.enter(())                    # at the root
    scope = location.resource.enter(scope)             # at every location it goes to
    target = location.reference("$dynamicRef", scope)

A scope keeps only resources that can make a difference, so there are finitely many, and it stays `()`
where nothing is dynamic. The standard is followed to the letter, which is more than `jsonschema` does:
there "$ref" to a dynamic anchor is dynamic too, and "$recursiveRef" stops looking outwards at the
first resource without "$recursiveAnchor".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

from constrained.errors import Where
from constrained.remains import Ending
from grammars.json_schema import references
from grammars.json_schema.dialects import Dialect, Role, dialect_named, known_dialect, subschemas
from grammars.json_schema.keywords import Step
from grammars.json_schema.survey import RECURSIVE, Region

if TYPE_CHECKING:
    from grammars.json_schema.documents import Document

Scope: TypeAlias = "tuple[Resource, ...]"  # outermost first

_FIRST_CHILD: Final = Lock()  # most locations have none; those of metaschemas are shared by threads


@final
@dataclass(slots=True, eq=False)  # not frozen: creation is four times cheaper; Final says the same to the type checker
class Location:
    """One schema in a document. The same schema is the same object: compare with `is`, use as a key."""

    value: Final[dict[str, Any] | bool]
    dialect: Final[Dialect]
    resource: Final["Resource"] = field(repr=False)
    parent: Final["Location | None"] = field(repr=False)  # None at the root
    keys: Final[tuple[Step, ...]]  # from the parent: ("not",), ("properties", "a"), ("allOf", 0)
    _children: dict[tuple[Step, ...], "Location"] | None = field(default=None, repr=False)  # those asked for so far

    @property
    def where(self) -> Where:
        """Its place in the document, for errors and reports."""
        where = self.resource.document.where
        for step in self.path():
            where /= step
        return where

    @property
    def keywords(self) -> Mapping[str, Any]:
        """The keywords that count here: none for a boolean, up to draft 7 only "$ref" where there is one."""
        if isinstance(self.value, bool):
            return {}
        if self.dialect.ref_overrides_siblings and "$ref" in self.value:
            return {"$ref": self.value["$ref"]}
        return self.value

    def child(self, *keys: Step) -> "Location":
        """The schema that `keys` lead to: `child("properties", "a")`, `child("allOf", 0)`, `child("not")`.

        The keys must lead to a schema; they are not checked.
        """
        if self._children is None:
            with _FIRST_CHILD:
                self._children = self._children or {}
        found = self._children.get(keys)
        return found if found is not None else self._children.setdefault(keys, self._descend(keys))

    def children(self) -> Iterator["Location"]:
        """Every schema directly in this one, also those that restrict nothing here ("$defs")."""
        if isinstance(self.value, dict):
            rules = self.dialect.rules
            for keyword, value in self.value.items():
                if (rule := rules.get(keyword)) is not None and rule.role is not Role.PLAIN:
                    for below, _ in subschemas(rule.role, value):
                        yield self.child(keyword, *below)

    def reference(self, keyword: str, scope: Scope = ()) -> "Location":
        """What this location's "$ref", "$dynamicRef" or "$recursiveRef" stands for.

        Raises UnsupportedFeature for another document, InvalidGrammar for a place that does not exist.
        """
        if isinstance(self.value, bool):
            raise KeyError(keyword)
        reference: str = self.value[keyword]
        name: str | None = RECURSIVE
        if keyword == "$recursiveRef":
            target = self.resource.root
        else:
            target, name = self.resource.document.target(self.resource, reference, self, keyword)
        if keyword == "$ref" or name is None or not target.resource.binds(name):
            return target
        for resource in scope:
            if resource.binds(name):
                return resource.bound(name)
        return target.resource.bound(name)

    def end(self) -> Ending:
        """Let go of what is below, at any depth."""
        todo: list[Location] = [self]
        while todo:
            here = todo.pop()
            if here._children is not None:
                todo += here._children.values()
                here._children = None
            yield

    def _descend(self, keys: tuple[Step, ...]) -> "Location":
        found: Any = self.value
        for key in keys:
            found = found[key]
        value: dict[str, Any] | bool = found
        dialect, resource = self.dialect, self.resource
        if not isinstance(value, bool):
            if "$schema" in value:
                declared = value["$schema"]
                dialect = known_dialect(declared) or dialect_named(declared, self.where)
            if dialect.id_keyword in value:
                resource = resource.document.resource_at((*self.path(), *keys)) or resource
        return Location(value, dialect, resource, self, keys)

    def path(self) -> tuple[Step, ...]:
        """The steps from the document's root."""
        keys, above = self.keys, self.parent
        while above is not None:
            keys, above = above.keys + keys, above.parent
        return keys


@final
class Resource:
    """What one base URI governs: references in it are relative to `uri`, anchors are unique in it."""

    __slots__ = ("document", "region", "uri")

    def __init__(self, uri: str, document: "Document", region: Region) -> None:
        self.uri: Final = uri  # "" for a document without "$id"
        self.document: Final = document  # in a dataclass, compiled code would look for the class too early
        self.region: Final = region

    @property
    def root(self) -> Location:
        """Its outermost schema."""
        return self.document.locate(self.region.path)

    def enter(self, scope: Scope) -> Scope:
        """The dynamic scope inside this resource, coming from `scope`."""
        new = [name for name in self.region.dynamic_anchors if not any(outer.binds(name) for outer in scope)]
        return (*scope, self) if new else scope

    def binds(self, name: str) -> bool:
        """Has it a dynamic anchor of that name ("$recursiveAnchor" being the empty name)?"""
        return name in self.region.dynamic_anchors

    def bound(self, name: str) -> Location:
        """The schema with that dynamic anchor; KeyError when there is none."""
        return self.document.locate(self.region.dynamic_anchors[name])

    def anchored(self, name: str, reference: str, where: Where) -> Location:
        """The schema that a fragment names; raises InvalidGrammar at `where` unless there is exactly one."""
        if name in self.region.ambiguous:
            raise references.ambiguous(reference, where)
        if name not in self.region.anchors:
            raise references.no_anchor(reference, name, list(self.region.anchors), where)
        return self.document.locate(self.region.anchors[name])

"""Schemas as documents, with their references resolved.

    Document   one JSON text: the user's, one supplied beside it, or a bundled metaschema
    Library    the documents that references may lead to

A document is a tree of locations (locations.py). Whatever can be wrong with the text has been found by the survey:
`Document.parse` raises for a malformed keyword anywhere, and for every reference that can be reached from the root and
leads nowhere, or to a document that is not here.
"""

import sys
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Final, final

from constrained.errors import GrammarError, InvalidGrammar, Where
from constrained.remains import Ending, emptied
from grammars.json_schema import references
from grammars.json_schema.dialects import DEFAULT, Dialect, dialect_named, known_dialect
from grammars.json_schema.json_input import from_python, from_text
from grammars.json_schema.keywords import Json, Step, kind_of
from grammars.json_schema.locations import Location, Resource
from grammars.json_schema.outline import Outline, outline
from grammars.json_schema.survey import Path, Region, SchemaLimits, Survey, steps

_HERE = Where()  # the root of a document
_UNLIMITED = SchemaLimits(max_bytes=sys.maxsize, max_depth=sys.maxsize, max_subschemas=sys.maxsize)


@final
class Library:
    """The documents that references may lead to, each read when a reference first does.

    Nothing is ever fetched: they are the main document, those its author supplied, and the
    metaschemas, which come with `jsonschema`.
    """

    def __init__(self, supplied: Mapping[str, object], limits: SchemaLimits) -> None:
        self.documents: Final[list[Document]] = []  # those read so far; the main document is the first
        self._supplied: Final = {uri.rstrip("#"): schema for uri, schema in supplied.items()}
        self._limits: Final = limits
        self._read: Final[dict[str, Document]] = {}

    @property
    def dialect(self) -> Dialect:
        """Of documents without "$schema": that of the main document."""
        return self.documents[0].root.dialect if self.documents else DEFAULT

    def resources(self, uri: str) -> "list[Resource]":
        """Those with this URI: what is named so inside the documents read, else the document at it."""
        named = [each for document in self.documents for each in document.resources_named(uri)]
        if named:
            return named
        document = self._at(uri)
        return [] if document is None else [document.root.resource]

    def end(self) -> Ending:
        """Let the locations let go of each other; metaschemas stay, others have them too."""
        for document in self.documents:
            yield from document.end()
        self.documents.clear()

    def _at(self, uri: str) -> "Document | None":
        if uri not in self._read and uri in self._supplied:
            where = Where(None, uri)
            self._read[uri] = Document(*_read_schema(self._supplied[uri], self._limits), self._limits, uri, where, self)
        return self._read.get(uri) or _metaschema(uri)


@final
class Document:
    """One JSON text and the locations in it. Make one with `Document.parse`; share it freely."""

    def __init__(self, value: Json, size: int, limits: SchemaLimits, uri: str, where: Where, library: Library) -> None:
        if not isinstance(value, dict | bool):
            raise InvalidGrammar(f"a schema is an object or a boolean, not {kind_of(value)}", where=where)
        dialect, outermost = library.dialect, Region(uri, None)
        if not isinstance(value, bool) and "$schema" in value:
            declared = value["$schema"]
            dialect = known_dialect(declared) or dialect_named(declared, where / "$schema")
        survey = Survey(where, limits)
        survey.visit(value, None, outermost, dialect)
        regions = [outermost, *survey.regions]
        self.size: Final = size  # characters of its text, roughly; 0 for a metaschema
        self.where: Final = where  # of the root
        self.library: Final = library
        self.survey: Final = survey
        self._resources: Final = {region: Resource(region.uri, self, region) for region in regions}
        # The root's own "$id" makes a second region at the same path; the last one counts.
        self._by_path: Final = {tuple(steps(region.path)): each for region, each in self._resources.items()}
        self._by_uri: Final[dict[str, list[Resource]]] = {}
        for each in self._by_path.values():
            self._by_uri.setdefault(each.uri, []).append(each)
        self._targets: Final[dict[tuple[Resource, str], tuple[Location, str | None]]] = {}
        self._outline: Outline | None = None
        self._unnamed: Final[dict[Location, None]] = {}  # locations below words that are no keyword there
        self._root: Final = [Location(value, dialect, self._by_path[()], None, ())]
        library.documents.append(self)

    @classmethod
    def parse(
        cls,
        schema: object,
        *,
        limits: SchemaLimits | None = None,
        resources: Mapping[str, object] | None = None,
    ) -> "Document":
        """Read a schema: JSON text, or its Python values (which are copied).

        `resources` are other documents that references may lead to, by their URI; `limits` are for each.

        Raises InvalidGrammar for what is no schema, UnsupportedFeature for an unknown dialect and for
        references to documents that were not supplied, LimitExceeded beyond `limits`. Each says where.
        """
        limits = limits or SchemaLimits()
        library = Library(resources or {}, limits)
        document = cls(*_read_schema(schema, limits), limits, "", _HERE, library)
        document._check_references()
        return document

    @property
    def root(self) -> Location:
        """Its outermost schema."""
        return self._root[0]

    def end(self) -> Ending:
        """Let the locations let go of each other, and of this."""
        yield from self.root.end()
        self.survey.end()
        for known in (self._targets, self._unnamed, self._resources, self._by_path, self._by_uri):
            yield from emptied(known)
        self._root.clear()

    @property
    def is_one_resource(self) -> bool:
        """Does the same reference lead to the same schema wherever it stands in here?"""
        return len(self._by_path) == 1

    @property
    def is_dynamic(self) -> bool:
        """Can a reference here mean different schemas on different ways to it?"""
        documents = {*self.library.documents}
        documents |= {target.resource.document for each in documents for target, _ in each._targets.values()}
        return any(region.dynamic_anchors for each in documents for region in each._resources)

    def locations(self) -> Iterator[Location]:
        """Every schema in this document, outermost first, reachable or not.

        What lies below words that are no keyword is included where a reference led there.
        """
        level = [self.root, *self._unnamed]
        while level:
            yield from level
            level = [child for location in level for child in location.children()]

    def targets(self) -> "Iterator[Location | None]":
        """What the references written in this document stand for; None where one leads nowhere."""
        for region, reference in self.survey.references:
            found = self._targets.get((self._resources[region], reference))
            yield None if found is None else found[0]

    def outline(self) -> Outline:
        """Every schema that can have a say about an instance, nearest first; found out once. Raises as `outline`."""
        if self._outline is None:
            self._outline = outline(self.root)
        return self._outline

    def resources(self) -> "Collection[Resource]":
        """The parts of this document with a base URI of their own, and the whole."""
        return self._resources.values()

    def _check_references(self) -> None:
        """Raise for the nearest reference that can be reached and leads nowhere."""
        broken = False
        for document in self.library.documents:  # grows while references lead to documents not read yet
            for region, reference in document.survey.references:  # and to places not visited
                try:
                    document.target(document._resources[region], reference)
                except GrammarError:
                    broken = True  # which does not matter in a definition that nobody uses
        if broken:
            self.outline()

    # References

    def target(
        self, resource: "Resource", reference: str, by: Location | None = None, keyword: str = ""
    ) -> tuple[Location, str | None]:
        """What `reference` names for a schema in `resource`, and by which anchor if by one.

        Raises InvalidGrammar or UnsupportedFeature, at the keyword of the schema `by`, when it names nothing here.
        """
        found = self._targets.get((resource, reference))
        if found is None:
            where = self.where if by is None else by.where / keyword
            found = self._targets[resource, reference] = self._find(resource, reference, where)
        return found

    def _find(self, resource: "Resource", reference: str, where: Where) -> tuple[Location, str | None]:
        uri, fragment = references.split(resource.uri, reference)
        if not reference.startswith("#"):
            resource = self._resource(uri, reference, where)
        if not fragment:
            return resource.root, None
        if fragment.startswith("/"):
            return resource.document.follow(resource.root, reference, fragment, where), None
        return resource.anchored(fragment, reference, where), fragment

    def resources_named(self, uri: str) -> "list[Resource]":
        """The parts of this document with this URI."""
        return self._by_uri.get(uri, [])

    def _resource(self, uri: str, reference: str, where: Where) -> "Resource":
        """The resource with this URI: here, in a supplied document, or among the bundled metaschemas."""
        found = self.resources_named(uri) or self.library.resources(uri)
        if not found:
            raise references.remote(reference, uri, self.root.value, where)
        if any(each.root.value != found[0].root.value for each in found):
            raise references.ambiguous(reference, where)
        return found[0]

    def follow(self, start: Location, reference: str, fragment: str, where: Where) -> Location:
        """The schema that a JSON pointer leads to from `start`, for an error `reference` at `where`."""
        here, names = start, references.pointer_steps(fragment)
        while names and (structural := references.keys_to_schema(here.value, here.dialect, names)):
            here, names = here.child(*structural), names[len(structural) :]
        if not names:
            return here
        value: Json = here.value
        keys: list[Step] = []
        for name in names:
            if (found := references.descend(value, name)) is None:
                raise references.nowhere(reference, value, name, start.value, where)
            key, value = found
            keys.append(key)
        if not isinstance(value, dict | bool):
            raise references.no_schema(reference, value, where)
        return self._visit_unnamed(here, keys, value)

    def _visit_unnamed(self, above: Location, keys: list[Step], value: Json) -> Location:
        """The location of a schema that the survey did not know to be one."""
        location = above.child(*keys)
        if location not in self._unnamed:
            path: Path = None
            for step in location.path():
                path = (path, step)
            region = above.resource.region
            self.survey.visit(value, path, region, above.dialect, named=False)
            self._unnamed[location] = None
        return location

    def locate(self, path: Path) -> Location:
        """The location at a path that the survey went down."""
        here, remaining = self.root, steps(path)
        while remaining:
            keys = references.keys_to_schema(here.value, here.dialect, remaining)
            here, remaining = here.child(*keys), remaining[len(keys) :]
        return here

    def resource_at(self, path: tuple[Step, ...]) -> "Resource | None":
        """The resource that begins at `path`, if one does."""
        return self._by_path.get(path)


def _read_schema(schema: object, limits: SchemaLimits) -> tuple[Json, int]:
    """A private copy of a schema, and how long its text is, roughly."""
    if isinstance(schema, str):
        return from_text(schema, limits.max_bytes), len(schema)
    return from_python(schema, limits.max_bytes)


@cache
def _metaschema(uri: str) -> Document | None:
    """The official metaschema with this URI, as a document of its own."""
    value = references.bundled(uri)
    return None if value is None else Document(value, 0, _UNLIMITED, uri, Where(None, uri), Library({}, _UNLIMITED))

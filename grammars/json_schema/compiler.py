"""compile_json_schema: a schema in, a grammar of exactly its instances out, or a refusal.

    Document (documents.py)   the text, checked; references resolved
    Shapes   (shapes.py)      the boolean algebra
    Writer   (nodes.py)       the grammar, lazily

Compiling does three things eagerly, because afterwards it is too late to refuse: every keyword is
checked, every pattern that can be reached is compiled, and the question whether anything satisfies
the schema at all is answered. All else happens where a matcher goes.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from constrained import remains
from constrained.automata.ecma import pattern_letters
from constrained.errors import GrammarError, LimitExceeded, Unsatisfiable, Where
from constrained.matcher import CompiledGrammar, Identity
from constrained.vocabulary.vocabulary import Vocabulary
from constrained.warming import warm_up
from grammars.json_schema import texts
from grammars.json_schema.documents import Document
from grammars.json_schema.exploring import explore
from grammars.json_schema.languages import self_reference
from grammars.json_schema.limits import CompileLimits
from grammars.json_schema.literals import Says, Shape
from grammars.json_schema.locations import Location
from grammars.json_schema.nodes import Writer
from grammars.json_schema.options import JsonSchemaOptions
from grammars.json_schema.report import Report
from grammars.json_schema.scalars import TEXTS, placed
from grammars.json_schema.shape_nodes import DocumentNode
from grammars.json_schema.shapes import Shapes

_warm: Final[list[bool]] = []  # are the kernels?
_OPTIONS, _LIMITS = JsonSchemaOptions(), CompileLimits()


def compile_json_schema(
    schema: Mapping[str, Any] | bool | str,
    vocabulary: Vocabulary,
    options: JsonSchemaOptions | None = None,
    *,
    limits: CompileLimits | None = None,
    resources: Mapping[str, Any] | None = None,
) -> CompiledGrammar:
    """The grammar of the JSON texts that validate against `schema` (data, or its JSON text).

    `resources` are other schemas that references may lead to, by their URI. Nothing is ever fetched.

    Raises InvalidGrammar for a malformed schema, UnsupportedFeature for what cannot be enforced
    exactly (such as a reference to a schema that is not here), Unsatisfiable where no instance exists,
    LimitExceeded. All of them name the place by JSON pointer.
    """
    options = options or _OPTIONS
    limits = limits or _LIMITS
    document = Document.parse(schema, limits=limits.schema, resources=resources)
    writer = write(document, options, limits)
    source = schema if isinstance(schema, str) else document.root.value
    supplied = json.dumps([(uri, resources[uri]) for uri in sorted(resources)]) if resources else ""
    start = DocumentNode(writer.shapes.root(), writer)
    identity = _Identity(source, supplied, options, vocabulary)
    return CompiledGrammar(start, vocabulary, identity, Report(writer, start))


def write(document: Document, options: JsonSchemaOptions, limits: CompileLimits) -> Writer:
    """The writer of a checked document; raises as `compile_json_schema`."""
    if not _warm:  # before the clock of a limit runs: the first process compiles the kernels
        warm_up()
        _warm.append(True)
    return write_shapes(Shapes(document, options, limits), limits)


def write_shapes(shapes: Shapes, limits: CompileLimits) -> Writer:
    """The same, of the shapes of a document."""
    writer = Writer(shapes)
    try:
        _look(writer, limits)
    except GrammarError:
        remains.keep(writer.end())  # nobody will ask it
        raise
    except RecursionError as error:
        raise LimitExceeded("the schema is nested too deeply", where="#") from error
    shapes.allowance.end()
    return writer


def _look(writer: Writer, limits: CompileLimits) -> None:
    """Refuse what is refused: afterwards it is too late."""
    shapes = writer.shapes
    if not shapes.is_plain:
        _refuse_cycles(shapes)
        _compile_patterns(shapes)
        explore(writer, limits.shapes)
    if not writer.alive(shapes.root()):
        if writer.too_long is not None:
            raise LimitExceeded("no value is short enough to be written", where=blame(writer, writer.too_long))
        raise Unsatisfiable("no JSON value satisfies this schema", where=blame(writer, shapes.root()))


def _refuse_cycles(shapes: Shapes) -> None:
    """Refuse a schema that comes back to itself for the same value: the standard gives it no meaning.

    Depth first. What a "$dynamicRef" means depends on the way to it, so its cycles are found later (by
    `explore`).
    """
    said = shapes.outline
    if not any("$ref" in one.facts for one in said.values()):
        return
    done: set[Location] = set()
    on_the_way: dict[Location, Iterator[Location]] = {}
    for start, speech in said.items():
        todo = [start] if start not in done and speech.in_place else []
        while todo:
            here = todo[-1]
            if here not in on_the_way:
                on_the_way[here] = iter(said[here].in_place)
            ahead = next((one for one in on_the_way[here] if one not in done), None)
            if ahead is None:
                del on_the_way[here]
                done.add(todo.pop())
            elif ahead in on_the_way:
                raise self_reference(ahead)
            else:
                todo.append(ahead)


def _compile_patterns(shapes: Shapes) -> None:
    """Patterns are refused here or never."""
    for location, said in shapes.outline.items():
        if "pattern" in said.facts:
            placed(location, "pattern", texts.matching, said.facts["pattern"])
        for pattern in said.facts.get("patternProperties", ()):
            placed(location, "patternProperties", pattern_letters, pattern)
        if "propertyNames" in said.facts:
            names = shapes.language(TEXTS, shapes.of(location.child("propertyNames"), ()))
            placed(location, "propertyNames", texts.language, names)


def blame(writer: Writer, shape: Shape, above: frozenset[Shape] = frozenset()) -> Where | str:
    """The place where a shape without values becomes empty, as deep as a required member leads.

    Where that comes back to a shape `above`, it is empty because it would have no end.
    """
    here: Where | str = "#"
    for literal in writer.shapes.in_order(shape):
        if isinstance(literal, Says):
            here = literal.location.where
    for plan in writer.ways_of_objects(shape):
        for name in sorted(plan.obj.required):
            below = writer.objects.shape_of(plan.obj, name)
            if below is not writer.shapes.nothing and below not in {*above, shape} and not writer.alive(below):
                return blame(writer, below, above | {shape})
    return here


class _Identity(Identity):
    """The fingerprint of a schema's grammar, to be found out."""

    __slots__ = ("_options", "_source", "_supplied", "_vocabulary")

    def __init__(
        self, source: dict[str, Any] | bool | str, supplied: str, options: JsonSchemaOptions, vocabulary: Vocabulary
    ) -> None:
        self._source = source
        self._supplied = supplied
        self._options = options
        self._vocabulary = vocabulary

    def fingerprint(self) -> str:
        """Of the schema's text, what was supplied to it, the options and the vocabulary."""
        text = self._source if isinstance(self._source, str) else json.dumps(self._source)
        parts = text, self._supplied, repr(self._options), self._vocabulary.fingerprint
        return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()

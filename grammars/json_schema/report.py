"""What became of every keyword of a schema: enforced, annotation, or out of reach.

    #/properties/when   format       enforced      RFC 3339, section 5.6
    #/properties/when   title        annotation
    #/anyOf/1           type         unreachable   nothing that satisfies the schemas around it satisfies this one
    #/$defs/old         type         unreachable   no reference leads here

Idea. Walk from the root to every schema that a value can be told to satisfy, and look at each by its
own shape: a branch or a member of which nothing is left is not entered. What the walk does not come
to is out of reach. A keyword that is refused has no line: then there is no grammar (see `refusal`).

The walk asks the same questions as a matcher, so it is done when somebody first looks at a report.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, overload

from constrained.automata.ecma import pattern_dfa
from constrained.errors import GrammarError
from constrained.grammar import Node
from grammars.json_schema.dialects import Kind, Verdict, subschemas
from grammars.json_schema.documents import Document
from grammars.json_schema.formats import FORMATS, NUMBER_FORMATS, known_format
from grammars.json_schema.literals import Shape
from grammars.json_schema.locations import Location
from grammars.json_schema.nodes import Writer


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one keyword. `keyword` is empty for a schema that is true or false."""

    where: str  # JSON pointer of the schema it stands in
    keyword: str
    verdict: Verdict
    note: str = ""

    def __str__(self) -> str:
        return "  ".join(part for part in (self.where, self.keyword, self.verdict.value, self.note) if part)


def refusal(error: GrammarError) -> Finding:
    """A refusal in the form of a finding."""
    where, _, keyword = error.where.rpartition("/")
    note = f"{error.message} ({error.hint})" if error.hint else error.message
    return Finding(where or error.where, keyword if where else "", Verdict.REFUSED, note)


class Report(Sequence[Finding]):
    """The findings of one compiled schema, in the schema's order; found out when first looked at."""

    def __init__(self, writer: Writer, start: Node | None = None) -> None:
        self._writer: Final = writer
        self._start: Final = start  # with which the writer would go
        self._findings: tuple[Finding, ...] | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them."""
        if self._findings is None:
            self._findings = tuple(_Walk(self._writer).findings())
        return self._findings

    def __len__(self) -> int:
        return len(self.findings)

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Finding]: ...
    def __getitem__(self, index: int | slice) -> Finding | Sequence[Finding]:
        return self.findings[index]


_SHUT_OUT = "nothing that satisfies the schemas around it satisfies this one"
_BEYOND = "reached only through schemas that nothing satisfies"
_UNREFERENCED = "no reference leads here"

# Keywords that mean nothing without a companion.
_COMPANIONS = {
    "then": ("if",),
    "else": ("if",),
    "if": ("then", "else"),
    "minContains": ("contains",),
    "maxContains": ("contains",),
}
_ALTERNATIVES = ("anyOf", "oneOf")
_MEMBERS = ("properties", "patternProperties", "additionalProperties", "items", "prefixItems", "additionalItems")


class _Walk:
    """One walk over a document; see the module's docstring."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._shapes = writer.shapes
        self._document: Document = writer.shapes.document
        self._shut_out: dict[Location, None] = {}
        self._reached = self._reach()

    def findings(self) -> Iterator[Finding]:
        """Every keyword of the document, and of supplied documents that references led to."""
        used = set(self._document.outline())
        for document in self._document.library.documents:
            for location in _in_order(document):
                unreachable = "" if location in self._reached else _BEYOND if location in used else _UNREFERENCED
                if location in self._shut_out and location not in self._reached:
                    unreachable = _SHUT_OUT
                yield from self._of(location, unreachable)

    # ------------------------------------------------------------------ what can be reached

    def _reach(self) -> set[Location]:
        found = {self._document.root}
        todo = [self._document.root]
        while todo:
            for below in self._entered(todo.pop()):
                if below not in found:
                    found.add(below)
                    todo.append(below)
        return found

    def _entered(self, location: Location) -> Iterator[Location]:
        """The schemas that a schema brings in, but those that leave nothing."""
        facts = self._shapes.facts(location)
        for keyword, value in facts.items():
            if location.dialect.kind(keyword) is Kind.REFERENCE:
                yield from self._targets(location, keyword)
            elif keyword in location.dialect.rules:
                for steps, _ in subschemas(location.dialect.rules[keyword].role, value):
                    below = location.child(keyword, *steps)
                    if self._possible(location, keyword, below):
                        yield below
                    else:
                        self._shut_out[below] = None

    def _targets(self, location: Location, keyword: str) -> Iterator[Location]:
        """What a reference may stand for, on any way to it."""
        yield location.reference(keyword)
        if keyword != "$ref":
            for document in self._document.library.documents:
                for each in document.locations():
                    yield location.reference(keyword, each.resource.enter(()))

    def _possible(self, location: Location, keyword: str, below: Location) -> bool:
        """Is anything left of `below`, where it stands?"""
        if below.value is False or self._shapes.is_dynamic:
            return True  # false says what it means; dynamic schemas have no one shape
        of = self._shapes.of
        if keyword in _ALTERNATIVES:
            return self._alive(self._shapes.both(of(location, ()), of(below, ())))
        return keyword not in _MEMBERS or self._alive(of(below, ()))

    def _alive(self, shape: Shape) -> bool:
        try:
            return self._writer.alive(shape)
        except GrammarError:
            return True  # too costly to tell, and not needed for the grammar

    # ------------------------------------------------------------------ one schema

    def _of(self, location: Location, unreachable: str) -> Iterator[Finding]:
        where = location.where
        if isinstance(location.value, bool):
            note = unreachable or ("anything" if location.value else "nothing")
            yield Finding(str(where), "", Verdict.UNREACHABLE if unreachable else Verdict.ENFORCED, note)
            return
        for keyword, value in location.value.items():
            verdict, note = self._verdict(location, keyword, value)
            if unreachable and verdict is Verdict.ENFORCED:
                verdict, note = Verdict.UNREACHABLE, unreachable
            yield Finding(str(where), keyword, verdict, note)

    def _verdict(self, location: Location, keyword: str, value: Any) -> tuple[Verdict, str]:
        kind = location.dialect.kind(keyword)
        if keyword not in location.keywords:
            return Verdict.ANNOTATION, f'ignored beside "$ref" in {location.dialect.name}'
        if kind is Kind.REFERENCE:
            return Verdict.ENFORCED, f"stands for {location.reference(keyword).where}" if keyword == "$ref" else ""
        if kind is not Kind.CONSTRAINT:
            return Verdict.ANNOTATION, location.dialect.note(keyword)
        idle = self._idle(location, keyword, value)
        return (Verdict.ANNOTATION, idle) if idle else (Verdict.ENFORCED, self._how(keyword, value, location))

    def _idle(self, location: Location, keyword: str, value: Any) -> str:
        """Why a constraint restricts nothing here; empty when it does."""
        companions = _COMPANIONS.get(keyword, ())
        if companions and not any(each in location.keywords for each in companions):
            return f"means nothing without {' or '.join(map(repr, companions))}"
        if keyword == "additionalItems" and not isinstance(location.keywords.get("items"), list):
            return 'means nothing unless "items" is a list'
        if keyword == "uniqueItems" and value is False:
            return "false restricts nothing"
        if keyword in ("format", "contentEncoding"):
            return self._idle_format(keyword, value)
        return ""

    def _idle_format(self, keyword: str, value: str) -> str:
        if self._shapes.options.formats == "annotate":
            return "formats are not asserted (option formats)"
        if keyword == "contentEncoding":
            return "" if value == "base64" else f"unknown encoding {value!r}"
        if value in FORMATS or NUMBER_FORMATS.get(value):
            return ""
        return "every number is one" if value in NUMBER_FORMATS else f"unknown format {value!r}"

    def _how(self, keyword: str, value: Any, location: Location) -> str:
        """How a constraint is enforced, where that says more than the keyword."""
        if keyword == "pattern":
            try:
                return f"an automaton of {pattern_dfa(value).rows} rows"
            except GrammarError as error:  # below a branch that was left out before it was compiled
                return error.message
        known = known_format(value, location.dialect.number) if keyword == "format" else None
        if known is not None:
            return known.source + (f"; never written: {known.narrower}" if known.narrower else "")
        return ""


def _in_order(document: Document) -> list[Location]:
    """A document's schemas, each followed by those in it."""
    found: dict[Location, None] = {}
    todo = list(document.locations())[::-1]
    while todo:
        location = todo.pop()
        if location not in found:
            found[location] = None
            todo += list(location.children())[::-1]
    return list(found)

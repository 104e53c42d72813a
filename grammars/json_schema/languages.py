"""The languages of shapes: what their strings, numbers, booleans and null may be.

    Says                the language of the schema's own keywords, and of what stands in it
    Among, Either       the values; a union
    several literals    an intersection, which ends where nothing is left

What a language is, scalars.py knows; here is who asks whom, and what has been asked already.
"""

from _thread import RLock  # what threading has is a function around it
from typing import Any, Final, TypeVar

from constrained.errors import InvalidGrammar
from grammars.json_schema.documents import Document
from grammars.json_schema.limits import Allowance, CompileLimits
from grammars.json_schema.literals import Among, Either, Literal, Says, Shape
from grammars.json_schema.locations import Location, Scope
from grammars.json_schema.options import JsonSchemaOptions
from grammars.json_schema.outline import Facts
from grammars.json_schema.scalars import NARROW, Scalar
from grammars.json_schema.shape_table import ShapeTable

L = TypeVar("L")


class Languages(ShapeTable):
    """All shapes of one document, with the languages of their scalars.

    Shared by threads: what is looked into right now is noted on the way, so whoever finds something out
    that is not known yet holds the `lock`. What is known is read without it.
    """

    def __init__(self, document: Document, options: JsonSchemaOptions, limits: CompileLimits) -> None:
        self.options: Final = options
        self.allowance: Final = Allowance(limits)
        super().__init__(document)
        self.lock: Final = RLock()
        self._languages: dict[tuple[int, Literal, bool], Any] = {}
        self._open: set[tuple[object, Literal]] = set()

    def language(self, domain: Scalar[L], shape: Shape, wide: bool = NARROW) -> L:
        """The language of one scalar type in `shape`."""
        key = (id(domain), wide)
        if key not in shape.scalars:
            with self.lock:
                excluded = self.excludes(shape, domain.names)
                shape.scalars[key] = domain.nothing if excluded else self._language(domain, shape, wide)
        return shape.scalars[key]

    def _language(self, domain: Scalar[L], shape: Shape, wide: bool) -> L:
        return self._all_of(domain, domain.everything, shape, wide)

    def _all_of(self, domain: Scalar[L], found: L, shape: Shape, wide: bool) -> L:
        """What of `found` satisfies all literals of a shape."""
        for literal in self.in_order(shape):
            if isinstance(literal, Says) and not literal.positive:
                found = self._less(domain, found, literal, wide)
            else:
                found = domain.both(found, self._literal(domain, literal, wide))
            if domain.is_empty(found):
                break
        return found

    def _literal(self, domain: Scalar[L], literal: Literal, wide: bool) -> L:
        match literal:
            case Among(values, positive):
                among = domain.among(values, self.options, wide == positive)
                return among if positive else domain.other(among)
            case Either(shapes):
                return domain.any_of([self.language(domain, shape, wide) for shape in self.shapes_in_order(shapes)])
            case Says(location, positive, scope):
                assert positive, "see _less"
                key = (id(domain), literal, wide)
                if key not in self._languages:
                    with self.progress(domain, literal):
                        self._languages[key] = self._schema(domain, location, scope, wide)
                return self._languages[key]

    def _less(self, domain: Scalar[L], found: L, literal: Says, wide: bool) -> L:
        """What of `found` does not validate against the schema of a (negative) literal.

        Where that is one of several, each is taken out by itself: their union may be large, what is left is not. And
        where it is a negation, nothing is: what is negated is left.
        """
        location, scope = literal.location, literal.scope
        facts = self.facts(location)
        said = set(facts)
        if said == {"anyOf"}:
            branches = self.branches(location, facts, "anyOf")
        elif said == {"$ref"}:
            branches = self.targets(location, facts, scope)
        elif said == {"not"}:
            with self.progress(domain, literal):
                return self._all_of(domain, found, self.of(location.child("not"), scope), wide)
        else:
            return domain.less(found, self.language(domain, self.of(location, scope), not wide))
        with self.progress(domain, literal):
            for branch in branches:
                found = self._all_of(domain, found, self.of(branch, scope, False), wide)
        return found

    def _schema(self, domain: Scalar[L], location: Location, scope: Scope, wide: bool) -> L:
        """The language of one schema, in one rounding."""
        facts = self.facts(location)
        if location.value is False:
            return domain.nothing

        def of(below: Location, rounding: bool = wide) -> L:
            return self.language(domain, self.of(below, scope), rounding)

        found = domain.own(location, facts, self.options, wide)
        if domain.is_empty(found):
            return found
        parts = [found]
        parts += [of(target) for target in self.targets(location, facts, scope)]
        parts += [of(branch) for branch in self.branches(location, facts, "allOf")]
        if "anyOf" in facts:
            parts.append(domain.any_of([of(branch) for branch in self.branches(location, facts, "anyOf")]))
        if "oneOf" in facts:
            branches = self.branches(location, facts, "oneOf")
            parts.append(domain.exactly_one([of(one) for one in branches], [of(one, not wide) for one in branches]))
        if "if" in facts and ("then" in facts or "else" in facts):
            condition = location.child("if")
            then = of(location.child("then")) if "then" in facts else domain.everything
            otherwise = of(location.child("else")) if "else" in facts else domain.everything
            met, refuted = of(condition), domain.other(of(condition, not wide))  # asked always: it may be this schema
            if then != domain.everything or otherwise != domain.everything:
                parts.append(domain.either(domain.both(met, then), domain.both(refuted, otherwise)))
        found = domain.all_of(parts)
        if "not" in facts:
            found = self._all_of(domain, found, self.of(location.child("not"), scope, False), wide)
        return found

    def branches(self, location: Location, facts: Facts, keyword: str) -> list[Location]:
        """The schemas in a list such as `anyOf`."""
        return [location.child(keyword, index) for index in range(len(facts.get(keyword, ())))]

    def targets(self, location: Location, facts: Facts, scope: Scope) -> list[Location]:
        """What the references of a schema stand for."""
        names = [name for name in ("$ref", "$dynamicRef", "$recursiveRef") if name in facts]
        return [location.reference(name, scope) for name in names]

    def progress(self, domain: object, literal: Literal) -> "_Progress":
        """Notes that a literal is being looked into; raises InvalidGrammar where it already is."""
        return _Progress(self._open, (domain, literal))


def self_reference(literal: "Literal | Location") -> InvalidGrammar:
    """The refusal of a schema that comes back to itself for the same value."""
    location = literal.location if isinstance(literal, Says) else literal
    return InvalidGrammar(
        "this schema refers to itself without going into the value",
        where=location.where if isinstance(location, Location) else "",
        hint="a recursive $ref belongs below properties or items",
    )


class _Progress:
    """Marks a literal as being looked into; one that is met inside itself says nothing but itself."""

    __slots__ = ("_key", "_open")

    def __init__(self, open_: set[tuple[object, Literal]], key: tuple[object, Literal]) -> None:
        self._open, self._key = open_, key

    def __enter__(self) -> None:
        if self._key in self._open:
            raise self_reference(self._key[1])
        self._open.add(self._key)

    def __exit__(self, *_: object) -> None:
        self._open.discard(self._key)

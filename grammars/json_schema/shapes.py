"""Schemas as a boolean algebra: shapes, and the alternatives they leave for each type.

    literal       (schema location, polarity): "validates against it" or "does not"; also "is one of
                  these values", "is none of them", "has one of these shapes"
    shape         a set of literals that must all hold; interned, so recursion is a shape that meets itself
    alternative   one way a value of one type satisfies a shape:
                      strings, numbers, booleans, null    one language (scalars.py)
                      arrays, objects                     a list of `Arr` or `Obj` (arrays.py, objects.py)

Children of alternatives are shapes again, and nothing below the first level is looked at before a
matcher (or the question whether anything is left) gets there. So intersecting two recursive schemas
costs nothing where nobody goes.

Arrays and objects are pushed to disjunctive form:

    allOf, siblings -> cross product      anyOf -> concatenation       $ref -> its target
    if/then/else    -> if and then, or not if and else
    oneOf           -> one branch and none of the others (plain anyOf where branches exclude each other)
    not             -> De Morgan; a keyword's own negation is one list of alternatives (`negated`)
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations
from threading import RLock
from typing import Any, Final, TypeVar

from constrained.errors import InvalidGrammar, LimitExceeded
from grammars.json_schema.documents import Document, Location, Scope
from grammars.json_schema.limits import Allowance, CompileLimits
from grammars.json_schema.literals import Among, Either, Literal, Says, Shape, cheapest_first
from grammars.json_schema.options import JsonSchemaOptions
from grammars.json_schema.scalars import NARROW, Facts, Scalar
from grammars.json_schema.shape_table import ShapeTable
from grammars.json_schema.structures import Structure

L = TypeVar("L")
A = TypeVar("A")

MOST_ALTERNATIVES = 4096  # of one shape and type

_Combination = tuple[tuple[int, ...], Sequence[A]]  # branches by their indices, and what satisfies all of them


class Shapes(ShapeTable):
    """All shapes of one document, and the algebra on them.

    Shared by threads: what is looked into right now is noted on the way, so whoever finds something out
    that is not known yet holds the `lock`. What is known is read without it.
    """

    def __init__(self, document: Document, options: JsonSchemaOptions, limits: CompileLimits) -> None:
        super().__init__(document)
        self.options: Final = options
        self.allowance: Final = Allowance(limits)
        self.lock: Final = RLock()
        self._languages: dict[tuple[int, Literal, bool], Any] = {}
        self._open: set[tuple[object, Literal]] = set()
        self._alternatives: dict[tuple[object, Shape, bool], Sequence[Any]] = {}
        self._told_apart = False
        self._context_decided = False  # while alternatives are looked for: did the context make a difference?
        self.tracks_evaluated: Final = any(
            isinstance(location.value, dict)
            and ("unevaluatedProperties" in location.value or "unevaluatedItems" in location.value)
            for location in document.reachable()
        )

    # ------------------------------------------------------------------ scalars

    def language(self, domain: Scalar[L], shape: Shape, wide: bool = NARROW) -> L:
        """The language of one scalar type in `shape`."""
        key = (id(domain), wide)
        if key not in shape.scalars:
            with self.lock:
                shape.scalars[key] = self._language(domain, shape, wide)
        return shape.scalars[key]

    def _language(self, domain: Scalar[L], shape: Shape, wide: bool) -> L:
        found = domain.everything
        for literal in sorted(shape.literals, key=cheapest_first):
            found = domain.both(found, self._literal(domain, literal, wide))
            if domain.is_empty(found):
                break
        return found

    def _literal(self, domain: Scalar[L], literal: Literal, wide: bool) -> L:
        match literal:
            case Among(values, positive):
                if positive:
                    return domain.among(values, wide or self.options.decimal_integers)
                return domain.other(domain.among(values, not wide))
            case Either(shapes):
                return domain.any_of([self.language(domain, shape, wide) for shape in shapes])
            case Says(location, positive, scope):
                key = (id(domain), Says(location, True, scope), wide == positive)
                if key not in self._languages:
                    with self._progress(domain, literal):
                        self._languages[key] = self._schema(domain, location, scope, key[2])
                return self._languages[key] if positive else domain.other(self._languages[key])

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
        if "not" in facts:
            parts.append(domain.other(of(location.child("not"), not wide)))
        if "if" in facts and ("then" in facts or "else" in facts):
            condition = location.child("if")
            then = of(location.child("then")) if "then" in facts else domain.everything
            otherwise = of(location.child("else")) if "else" in facts else domain.everything
            if then is not domain.everything or otherwise is not domain.everything:
                refuted = domain.other(of(condition, not wide))
                parts.append(domain.either(domain.both(of(condition), then), domain.both(refuted, otherwise)))
        return domain.all_of(parts)

    def branches(self, location: Location, facts: Facts, keyword: str) -> list[Location]:
        """The schemas in a list such as `anyOf`."""
        return [location.child(keyword, index) for index in range(len(facts.get(keyword, ())))]

    def targets(self, location: Location, facts: Facts, scope: Scope) -> list[Location]:
        """What the references of a schema stand for."""
        names = [name for name in ("$ref", "$dynamicRef", "$recursiveRef") if name in facts]
        return [location.reference(name, scope) for name in names]

    # ------------------------------------------------------------------ arrays and objects

    def alternatives(self, domain: Structure[A], shape: Shape, context: Sequence[Sequence[A]] = ()) -> Sequence[A]:
        """The ways a value of one structured type satisfies `shape`.

        `context` is what the value is known to satisfy besides: one alternative of each list. It may
        decide what is looked at, and is not part of the result.
        """
        key = (domain, shape, self._told_apart)
        known = self._alternatives.get(key)
        if known is not None:
            return known
        self.allowance.check()
        before, self._context_decided = self._context_decided, False
        found: list[A] = [domain.anything]
        for literal in sorted(shape.literals, key=cheapest_first):
            found = self.cross(domain, found, self._ways(domain, literal, (*context, found)))
            if not found:
                break
        if not self._context_decided:
            self._alternatives[key] = found
        self._context_decided |= before
        return found

    def cross(self, domain: Structure[A], left: Sequence[A], right: Sequence[A]) -> list[A]:
        """Every left alternative with every right one."""
        if len(left) == 1 and left[0] is domain.anything:
            return list(right)
        if (len(right) == 1 and right[0] is domain.anything) or (left and left == right):
            return list(left)
        self.allowance.check()
        if len(left) * len(right) > MOST_ALTERNATIVES:
            raise LimitExceeded(f"more than {MOST_ALTERNATIVES} combinations of alternatives", where="#")
        return [both for a in left for b in right if (both := domain.both(a, b)) is not None]

    def _ways(self, domain: Structure[A], literal: Literal, context: Sequence[Sequence[A]]) -> Sequence[A]:
        match literal:
            case Among(values, positive):
                return domain.among(values) if positive else domain.not_among(values)
            case Either(shapes):
                return _each([self.alternatives(domain, shape, context) for shape in shapes])
            case Says(location, positive, scope):
                with self._progress(domain, literal):
                    if not positive:
                        return self._violated(domain, location, scope)
                    found = self.applied(domain, location, scope, context)
                    return domain.evaluated(found, location, self.facts(location), scope)

    def applied(
        self, domain: Structure[A], location: Location, scope: Scope, context: Sequence[Sequence[A]] = ()
    ) -> list[A]:
        """What all keywords of a schema leave but unevaluated*."""
        facts = self.facts(location)

        def of(below: Location, positive: bool = True) -> Sequence[A]:
            return self.alternatives(domain, self.of(below, scope, positive), (*context, found))

        found = domain.own(location, facts, scope)
        for target in self.targets(location, facts, scope):
            found = self.cross(domain, found, of(target)) if found else found
        for branch in self.branches(location, facts, "allOf"):
            found = self.cross(domain, found, of(branch)) if found else found
        if found and "anyOf" in facts:
            found = self.cross(domain, found, self._any_of(domain, self.branches(location, facts, "anyOf"), of))
        if found and "oneOf" in facts:
            found = self.cross(domain, found, self._one_of(domain, location, facts, of, (*context, found)))
        if found and "not" in facts:
            found = self.cross(domain, found, of(location.child("not"), False))
        if found and "if" in facts and (self.tracks_evaluated or "then" in facts or "else" in facts):
            condition = location.child("if")
            then = of(location.child("then")) if "then" in facts else [domain.anything]
            otherwise = of(location.child("else")) if "else" in facts else [domain.anything]
            ways = self.cross(domain, of(condition), then) + self.cross(domain, of(condition, False), otherwise)
            found = self.cross(domain, found, ways)
        return self.cross(domain, found, domain.conditions(location, facts, scope)) if found else found

    def told_apart(self, domain: Structure[A], location: Location, scope: Scope) -> list[A]:
        """As `applied`; a value has evaluated exactly what each of the ways that it satisfies says."""
        before, self._told_apart = self._told_apart, True
        try:
            return self.applied(domain, location, scope)
        finally:
            self._told_apart = before

    def _any_of(self, domain: Structure[A], branches: list[Location], of: "Callable[..., Sequence[A]]") -> list[A]:
        """One branch; where it matters what several have evaluated together, also their combinations.

        To tell apart what was evaluated, the branches outside of a combination are negated.
        """
        live = [(branch, ways) for branch in branches if (ways := of(branch))]
        speaking = [one for one in live if any(domain.unannotated(way) is not way for way in one[1])]
        if not self.tracks_evaluated or len(speaking) + self._told_apart < 2:
            return _each([ways for _, ways in live])
        silent = [way for branch, ways in live if (branch, ways) not in speaking for way in ways]
        found: list[A] = []
        for chosen, together in self._combinations(domain, [((), silent)], [ways for _, ways in speaking]):
            for index, (branch, _) in enumerate(speaking if self._told_apart else ()):
                together = together if index in chosen else self.cross(domain, together, of(branch, False))
            found += together
            if len(found) > MOST_ALTERNATIVES:
                raise LimitExceeded(f"more than {MOST_ALTERNATIVES} combinations of branches", where=branches[0].where)
        return found

    def _combinations(
        self, domain: Structure[A], none: list[_Combination[A]], branches: list[Sequence[A]]
    ) -> Iterator[_Combination[A]]:
        """`none` of the branches, and those that can hold at once, with what satisfies all of them."""
        todo = [*none, *(((index,), ways) for index, ways in enumerate(branches))]
        for chosen, ways in todo:
            yield chosen, ways
            for index in range(chosen[-1] + 1, len(branches)) if chosen else ():
                apart = domain.exclusive([ways, branches[index]])
                together = [] if apart else self.cross(domain, ways, branches[index])
                if together:
                    todo.append(((*chosen, index), together))

    def _one_of(
        self,
        domain: Structure[A],
        location: Location,
        facts: Facts,
        of: "Callable[..., Sequence[A]]",
        context: Sequence[Sequence[A]],
    ) -> list[A]:
        branches = [(branch, ways) for branch in self.branches(location, facts, "oneOf") if (ways := of(branch))]
        alone = [ways for _, ways in branches]
        if domain.exclusive(alone) or self._exclusive_in(domain, alone, context):
            return _each(alone)
        found: list[A] = []
        for world in domain.worlds(alone):
            inside = [(branch, self.cross(domain, [world], ways)) for branch, ways in branches]
            if domain.exclusive([ways for _, ways in inside]):
                found += _each([ways for _, ways in inside])
            else:
                found += self._just_one(domain, inside, of)
        return found

    def _just_one(
        self, domain: Structure[A], branches: "list[tuple[Location, list[A]]]", of: "Callable[..., Sequence[A]]"
    ) -> list[A]:
        """One of the branches, and none of the others."""
        found: list[A] = []
        for branch, ways in branches:
            left = ways
            for other, other_ways in branches:
                if other is branch or not left:
                    continue
                apart = [domain.exclusive([[way], other_ways]) for way in left]
                mixed = [way for way, alone in zip(left, apart, strict=True) if not alone]
                left = [way for way, alone in zip(left, apart, strict=True) if alone]
                left += self.cross(domain, mixed, of(other, False)) if mixed else []
            found += left
        return found

    def _exclusive_in(
        self, domain: Structure[A], branches: Sequence[Sequence[A]], context: Sequence[Sequence[A]]
    ) -> bool:
        """Do the branches exclude each other for values in `context`?"""
        around = [ways for ways in context if not (len(ways) == 1 and ways[0] is domain.anything)]
        for ways in around:
            if len(ways) * sum(map(len, branches)) > MOST_ALTERNATIVES:
                return False
            branches = [self.cross(domain, ways, branch) for branch in branches]
        if not around or not domain.exclusive([branch for branch in branches if branch]):
            return False
        self._context_decided = True
        return True

    def _violated(self, domain: Structure[A], location: Location, scope: Scope) -> list[A]:
        facts = self.facts(location)

        def of(below: Location, positive: bool = False) -> Sequence[A]:
            return self.alternatives(domain, self.of(below, scope, positive))

        def all_of(parts: Sequence[Sequence[A]]) -> list[A]:
            found: list[A] = [domain.anything]
            for part in parts:
                found = self.cross(domain, found, part)
            return found

        if domain.excluded(facts):
            return [domain.anything]
        found = domain.negated(location, facts, scope)
        found += [way for target in self.targets(location, facts, scope) for way in of(target)]
        found += [way for branch in self.branches(location, facts, "allOf") for way in of(branch)]
        if "anyOf" in facts:
            found += all_of([of(branch) for branch in self.branches(location, facts, "anyOf")])
        if "oneOf" in facts:
            branches = self.branches(location, facts, "oneOf")
            found += all_of([of(branch) for branch in branches])
            found += [way for one, two in combinations(branches, 2) for way in all_of([of(one, True), of(two, True)])]
        if "not" in facts:
            found += of(location.child("not"), True)
        if "if" in facts:
            condition = location.child("if")
            if "then" in facts:
                found += all_of([of(condition, True), of(location.child("then"))])
            if "else" in facts:
                found += all_of([of(condition), of(location.child("else"))])
        if len(found) > MOST_ALTERNATIVES:
            raise LimitExceeded(f"more than {MOST_ALTERNATIVES} ways to violate a schema", where=location.where)
        return [domain.unannotated(way) for way in dict.fromkeys(found)]

    def _progress(self, domain: object, literal: Literal) -> "_Progress":
        return _Progress(self._open, (domain, literal))


def _each(lists: Iterable[Sequence[A]]) -> list[A]:
    """What is in any of the lists, each once."""
    return list(dict.fromkeys(one for found in lists for one in found))


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

"""Schemas as a boolean algebra: shapes, and the alternatives they leave for each type.

    literal       (schema location, polarity): "validates against it" or "does not"; also "is one of
                  these values", "is none of them", "has one of these shapes"
    shape         a set of literals that must all hold; interned, so recursion is a shape that meets itself
    alternative   one way a value of one type satisfies a shape:
                      strings, numbers, booleans, null    one language (languages.py)
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
from typing import Any, Final, TypeVar

from constrained.errors import LimitExceeded
from constrained.remains import Ending, emptied
from grammars.json_schema.documents import Document
from grammars.json_schema.languages import Languages
from grammars.json_schema.limits import CompileLimits
from grammars.json_schema.literals import Among, Either, Literal, Says, Shape, Stated
from grammars.json_schema.locations import Location, Scope
from grammars.json_schema.options import JsonSchemaOptions
from grammars.json_schema.structures import Structure
from grammars.json_schema.together import Together
from grammars.json_schema.values import Value

A = TypeVar("A")

DYNAMIC = frozenset({"$dynamicRef", "$recursiveRef"})

MOST_ALTERNATIVES = 4096  # of one shape and type

Ways = Callable[[Location], Sequence[A]]  # the alternatives of a schema below the one that is looked at
_Combination = tuple[tuple[int, ...], Sequence[A]]  # branches by their indices, and what satisfies all of them


class Shapes(Languages):
    """All shapes of one document, and the algebra on them."""

    def __init__(self, document: Document, options: JsonSchemaOptions, limits: CompileLimits) -> None:
        super().__init__(document, options, limits)
        self._alternatives: dict[tuple[object, Shape, bool], Sequence[Any]] = {}
        self.apart: Final[dict[tuple[Shape, Shape], bool]] = {}  # see telling_apart.py
        self.stated: Final[dict[Location, Stated]] = {}  # likewise
        self._told_apart = False
        self._context_decided = False  # while alternatives are looked for: did the context make a difference?
        self.tracks_evaluated: Final = not self.is_plain and any(
            "unevaluatedProperties" in said.facts or "unevaluatedItems" in said.facts for said in self.outline.values()
        )

    def end(self) -> Ending:
        """Let go of all that has been found out."""
        for known in (self._alternatives, self.apart, self.stated, self._languages):
            yield from emptied(known)
        yield from Languages.end(self)

    # ------------------------------------------------------------------ alternatives

    def alternatives(self, domain: Structure[A], shape: Shape, context: Sequence[Sequence[A]] = ()) -> Sequence[A]:
        """The ways a value of one structured type satisfies `shape`.

        `context` is what the value is known to satisfy besides: one alternative of each list. It may
        decide what is looked at, and is not part of the result.
        """
        key = (domain, shape, self._told_apart)
        known = self._alternatives.get(key)
        if known is not None:
            return known
        if self.excludes(shape, domain.names):
            self._alternatives[key] = []
            return []
        self.allowance.check()
        alone = self.stands_alone(shape)
        if alone is not None:
            own = self._alternatives[key] = domain.own(alone.location, self.facts(alone.location), alone.scope)
            return own
        before, self._context_decided = self._context_decided, False
        found: list[A] = [domain.anything]
        for literal in self.in_order(shape):
            if isinstance(literal, Says) and not literal.positive:
                found = self._refute(domain, found, literal)
            elif isinstance(literal, Among) and not literal.positive:
                found = self._unlike(domain, found, literal.values)
            else:
                found = self.cross(domain, found, self._ways(domain, literal, (*context, found)))
            if not found:
                break
        if not self._context_decided:
            self._alternatives[key] = found
        self._context_decided |= before
        return found

    def stands_alone(self, shape: Shape) -> Says | None:
        """The one schema that a shape is made of, if it says all by its own keywords."""
        if len(shape.literals) != 1 or self.tracks_evaluated:
            return None
        (literal,) = shape.literals
        if not isinstance(literal, Says) or not literal.positive:
            return None
        said = self.speech(literal.location)
        return None if said.applies or not DYNAMIC.isdisjoint(said.facts) else literal

    def cross(self, domain: Structure[A], left: Sequence[A], right: Sequence[A]) -> list[A]:
        """Every left alternative with every right one."""
        if len(left) == 1 and left[0] is domain.anything:
            return list(right)
        if (len(right) == 1 and right[0] is domain.anything) or (left and left == right):
            return list(left)
        self.allowance.check()
        if len(left) * len(right) > MOST_ALTERNATIVES and not self.allowance.is_over:
            raise LimitExceeded(f"more than {MOST_ALTERNATIVES} combinations of alternatives")
        return [both for a in left for b in right if (both := domain.both(a, b)) is not None]

    def _unlike(self, domain: Structure[A], given: Sequence[A], values: frozenset[Value]) -> list[A]:
        """Those of `given` that are none of some values: each has to differ from those that it may be, seldom from all.

        Values that must differ come while texts are read, where nothing is refused: so this has no limit.
        """
        found: list[A] = []
        for one in given:
            alike = frozenset(value for value in values if domain.may_be(one, value))
            ways = domain.not_among(alike) if alike else [domain.anything]
            found += [one] if ways[0] is domain.anything else [w for way in ways if (w := domain.both(one, way))]
        return found

    def _ways(self, domain: Structure[A], literal: Literal, context: Sequence[Sequence[A]]) -> Sequence[A]:
        match literal:
            case Among(values, positive):
                assert positive, "see _unlike"
                return domain.among(values)
            case Either(shapes):
                return _each([self.alternatives(domain, shape, context) for shape in self.shapes_in_order(shapes)])
            case Says(location, _, scope):
                with self.progress(domain, literal):
                    found = self.applied(domain, location, scope, context)
                    return domain.evaluated(found, location, self.facts(location), scope)

    # ------------------------------------------------------------------ what a schema says

    def applied(
        self, domain: Structure[A], location: Location, scope: Scope, context: Sequence[Sequence[A]] = ()
    ) -> list[A]:
        """What all keywords of a schema leave but unevaluated*."""
        facts = self.facts(location)

        def of(below: Location) -> Sequence[A]:
            return self.alternatives(domain, self.of(below, scope), (*context, found))

        found = domain.own(location, facts, scope)
        for target in self.targets(location, facts, scope):
            found = self.cross(domain, found, of(target)) if found else found
        together = Together(self, domain, found)
        for branch in self.branches(location, facts, "allOf"):
            together.add(of(branch) if found else ())
            found = together.found
        if found and "anyOf" in facts:
            found = self.cross(domain, found, self._any_of(domain, location, scope, of))
        if found and "oneOf" in facts:
            found = self.cross(domain, found, self._one_of(domain, location, scope, of, (*context, found)))
        if found and "not" in facts:
            found = self.without(domain, found, location.child("not"), scope)
        if found and "if" in facts and (self.tracks_evaluated or "then" in facts or "else" in facts):
            condition = location.child("if")
            met, failed = self.cross(domain, found, of(condition)), self.without(domain, found, condition, scope)
            if met and "then" in facts:
                met = self.cross(domain, met, of(location.child("then")))
            if failed and "else" in facts:
                failed = self.cross(domain, failed, of(location.child("else")))
            found = _each([met, failed])
        return self.cross(domain, found, domain.conditions(location, facts, scope)) if found else found

    def told_apart(self, domain: Structure[A], location: Location, scope: Scope) -> list[A]:
        """As `applied`; a value has evaluated exactly what each of the ways that it satisfies says."""
        before, self._told_apart = self._told_apart, True
        try:
            return self.applied(domain, location, scope)
        finally:
            self._told_apart = before

    def _any_of(self, domain: Structure[A], location: Location, scope: Scope, of: Ways[A]) -> list[A]:
        """One branch; where it matters what several have evaluated together, also their combinations.

        To tell apart what was evaluated, the branches outside of a combination are negated.
        """
        branches = self.branches(location, self.facts(location), "anyOf")
        live = [(branch, ways) for branch in branches if (ways := of(branch))]
        speaking = [one for one in live if any(domain.unannotated(way) is not way for way in one[1])]
        if not self.tracks_evaluated or len(speaking) + self._told_apart < 2:
            return _each([ways for _, ways in live])
        silent = [way for branch, ways in live if (branch, ways) not in speaking for way in ways]
        found: list[A] = []
        for chosen, together in self._combinations(domain, [((), silent)], [ways for _, ways in speaking]):
            for index, (branch, _) in enumerate(speaking if self._told_apart else ()):
                together = together if index in chosen else self.without(domain, together, branch, scope)
            found += together
            if len(found) > MOST_ALTERNATIVES and not self.allowance.is_over:
                raise LimitExceeded(f"more than {MOST_ALTERNATIVES} combinations of branches", where=location.where)
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
        scope: Scope,
        of: Ways[A],
        context: Sequence[Sequence[A]],
    ) -> list[A]:
        branches = self.branches(location, self.facts(location), "oneOf")
        live = [(branch, ways) for branch in branches if (ways := of(branch))]
        alone = [ways for _, ways in live]
        if domain.exclusive(alone) or self._exclusive_in(domain, alone, context):
            return _each(alone)
        try:
            return self._only_one(domain, live, scope)
        except LimitExceeded as error:
            hint = "several of its branches may hold at once: require the property that tells them apart in each"
            where = error.where or location.where / "oneOf"
            raise LimitExceeded(error.message, where=where, hint=error.hint or hint) from error

    def _only_one(self, domain: Structure[A], live: Sequence[tuple[Location, Sequence[A]]], scope: Scope) -> list[A]:
        """What satisfies one of the branches and violates all others."""
        found: list[A] = []
        for world in domain.worlds([ways for _, ways in live]):
            inside = [(branch, self.cross(domain, [world], ways)) for branch, ways in live]
            if domain.exclusive([ways for _, ways in inside]):
                found += _each([ways for _, ways in inside])
                continue
            for branch, left in inside:
                for other, _ in inside:
                    left = self.without(domain, left, other, scope) if left and other is not branch else left
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

    # ------------------------------------------------------------------ what a schema forbids

    def without(self, domain: Structure[A], given: Sequence[A], location: Location, scope: Scope) -> list[A]:
        """Those of `given` that do not validate against a schema."""
        shape = self.of(location, scope, False)
        if shape is self.anything:
            return list(given)
        left = given
        for literal in self.in_order(shape):
            left = self._refute(domain, left, literal) if isinstance(literal, Says) else []
        return list(left)

    def _refute(self, domain: Structure[A], given: Sequence[A], literal: Says) -> list[A]:
        """Those of `given` that do not validate against the schema of a (negative) literal.

        Most of them often cannot validate anyway: they stay as they are, and only the others are combined with
        the ways to violate the schema. So "none of fifty branches" does not multiply out what each may lack.
        """
        before, self._told_apart = self._told_apart, False  # a violated schema annotates nothing
        try:
            with self.progress(domain, literal):
                apart, mixed = self._parted(domain, given, literal)
                found = _each([apart, self._violated(domain, mixed, literal.location, literal.scope) if mixed else []])
        finally:
            self._told_apart = before
        if len(found) > MOST_ALTERNATIVES and not self.allowance.is_over:
            where = literal.location.where
            raise LimitExceeded(f"more than {MOST_ALTERNATIVES} ways to violate a schema", where=where)
        return found

    def _parted(self, domain: Structure[A], given: Sequence[A], literal: Says) -> tuple[list[A], list[A]]:
        """Those of `given` that plainly do not validate against the schema of `literal`, and the others."""
        if len(given) == 1 and given[0] is domain.anything:
            return [], list(given)
        try:
            ways = self.alternatives(domain, self.of(literal.location, literal.scope))
        except LimitExceeded:
            self.allowance.check()
            return [], list(given)
        apart = [domain.exclusive([[one], ways]) for one in given]
        parts = list(zip(given, apart, strict=True))
        return [one for one, alone in parts if alone], [one for one, alone in parts if not alone]

    def _violated(self, domain: Structure[A], given: Sequence[A], location: Location, scope: Scope) -> list[A]:
        """Those of `given` that violate some keyword."""
        facts = self.facts(location)
        if domain.excluded(facts):
            return list(given)
        negated = [domain.unannotated(way) for way in domain.negated(location, facts, scope)]
        found = self.cross(domain, given, negated)
        for each in (*self.targets(location, facts, scope), *self.branches(location, facts, "allOf")):
            found += self.without(domain, given, each, scope)
        if "anyOf" in facts:
            found += self._without_all(domain, given, self.branches(location, facts, "anyOf"), scope)
        if "oneOf" in facts:
            branches = self.branches(location, facts, "oneOf")
            found += self._without_all(domain, given, branches, scope)
            found += self._within_two(domain, given, branches, scope)
        if "not" in facts:
            found += self._within(domain, given, location.child("not"), scope)
        if "then" in facts and "if" in facts:
            met = self._within(domain, given, location.child("if"), scope)
            found += self.without(domain, met, location.child("then"), scope)
        if "else" in facts and "if" in facts:
            found += self._without_all(domain, given, [location.child("if"), location.child("else")], scope)
        return found

    def _without_all(
        self, domain: Structure[A], given: Sequence[A], locations: list[Location], scope: Scope
    ) -> list[A]:
        """Those of `given` that validate against none of the schemas.

        One by one, as most cannot be of several of them. Otherwise it would be a product of all that each may lack.
        """
        left = list(given)
        if len(locations) > 2:
            branches = [self.alternatives(domain, self.of(location, scope)) for location in locations]
            worlds = domain.worlds([ways for ways in branches if ways], each=True)
            left = self.cross(domain, worlds, left) if len(worlds) * len(left) < MOST_ALTERNATIVES else left
        for location in locations:
            left = self.without(domain, left, location, scope) if left else left
        return left

    def _within(self, domain: Structure[A], given: Sequence[A], location: Location, scope: Scope) -> list[A]:
        """Those of `given` that validate against a schema, which annotates nothing."""
        ways = self.alternatives(domain, self.of(location, scope))
        return self.cross(domain, given, [domain.unannotated(way) for way in ways])

    def _within_two(self, domain: Structure[A], given: Sequence[A], branches: list[Location], scope: Scope) -> list[A]:
        """Those of `given` that validate against two of the branches."""
        met = [self._within(domain, given, branch, scope) for branch in branches]
        return [
            both
            for (_, one), (branch, two) in combinations(zip(branches, met, strict=True), 2)
            if one and two and not domain.exclusive([one, two])
            for both in self._within(domain, one, branch, scope)
        ]


def _each(lists: Iterable[Sequence[A]]) -> list[A]:
    """What is in any of the lists, each once."""
    return list(dict.fromkeys(one for found in lists for one in found))

"""Do two shapes exclude each other? Decided by what they plainly say: constants, `type`, strings.

    {"kind": {"const": "a"}}    {"kind": {"pattern": "^b$"}}    apart: "a" is not "b"
    {"$ref": "#/$defs/text"}    {"type": "integer"}             apart: the reference says "string"

This is what makes a oneOf of a thousand branches cheap: branches that are told apart by one required
key need not be negated. "No" means "not plainly": then the branches are.
"""

from collections.abc import Iterator, Sequence
from functools import reduce

from constrained.errors import LimitExceeded
from grammars.json_schema import texts
from grammars.json_schema.literals import Among, Says, Shape, Stated
from grammars.json_schema.locations import Location
from grammars.json_schema.scalars import TEXTS, WIDE, chosen, types
from grammars.json_schema.shapes import Shapes
from grammars.json_schema.values import Flag, Items, Members, Null, Number, Text, Value

_STRINGS = frozenset({"string"})
_PLAIN = frozenset({"type", "enum", "const", "title", "description", "default"})  # has been looked at already
_FEW = 64  # constants that are looked for one by one
TYPE = {Null: "null", Flag: "boolean", Number: "number", Text: "string", Items: "array", Members: "object"}


def plainly_empty(shapes: Shapes, shape: Shape) -> bool:
    """Has no value a shape, by its constants and types, and by what else is said of the constants?"""
    values, allowed = stated_values(shapes, shape), stated_types(shapes, shape)
    if allowed is not None and not allowed:
        return True
    if values is None:
        return False
    excluded = frozenset[Value]().union(*_excluded(shapes, shape))
    left = [one for one in values if one not in excluded and (allowed is None or TYPE[type(one)] in allowed)]
    return len(left) <= _FEW and not any(_may_have(shapes, shape, value) for value in left)


def _may_have(shapes: Shapes, shape: Shape, value: Value) -> bool:
    """Is a value among those of a shape, as far as its literals say one by one? Asked of strings only."""
    if not isinstance(value, Text):
        return True
    for literal in shape.literals:
        if isinstance(literal, Says) and not shapes.facts(literal.location).keys() <= _PLAIN:
            try:
                said = shapes.language(TEXTS, shapes.of(literal.location, literal.scope), literal.positive)
            except LimitExceeded:  # of one that nobody has to draw: the constant goes without
                shapes.allowance.check()
                continue
            if said.has(value.value) != literal.positive:
                return False
    return True


def apart(shapes: Shapes, a: Shape, b: Shape) -> bool:
    """Has no value both shapes?"""
    found = shapes.apart.get((a, b))
    if found is None:
        found = shapes.apart[a, b] = shapes.apart[b, a] = _apart(shapes, a, b)
    return found


def _apart(shapes: Shapes, a: Shape, b: Shape) -> bool:
    both = Shape(a.literals | b.literals)  # for once only, so it is not interned
    if plainly_empty(shapes, both):
        return True
    if stated_values(shapes, both) is not None or stated_types(shapes, both) != _STRINGS:
        return False
    return texts.is_empty(shapes.language(TEXTS, shapes.both(a, b), WIDE))


def telling_values(shapes: Shapes, branches: Sequence[Sequence[Shape]]) -> list[frozenset[Value]] | None:
    """The few values of each branch's shapes; None where they are many, or also those of another branch."""
    seen: set[Value] = set()
    found: list[frozenset[Value]] = []
    for branch in branches:
        here: set[Value] = set()
        for shape in branch:
            values = _few_values(shapes, shape)
            if values is None or values & seen:
                return None
            here |= values
        found.append(frozenset(here))
        seen |= here
    return found


def _few_values(shapes: Shapes, shape: Shape) -> frozenset[Value] | None:
    """Values that a shape must be among: its constants, or the few strings that a pattern leaves."""
    found = stated_values(shapes, shape)
    if found is not None or stated_types(shapes, shape) != _STRINGS:
        return found
    listed = texts.listed(shapes.language(TEXTS, shape, WIDE))
    return None if listed is None else frozenset(Text(text) for text in listed)


def stated_values(shapes: Shapes, shape: Shape) -> frozenset[Value] | None:
    """Values that a shape must be among by `enum` and `const`; None without them."""
    stated = [literal.values for literal in shape.literals if isinstance(literal, Among) and literal.positive]
    stated += [values for said in _said(shapes, shape) if (values := said.values) is not None]
    return reduce(lambda a, b: a & b, stated) if stated else None


def _excluded(shapes: Shapes, shape: Shape) -> Iterator[frozenset[Value]]:
    """Values that a shape plainly excludes: by a negated `enum` or `const` that stands alone."""
    for literal in shape.literals:
        if isinstance(literal, Among) and not literal.positive:
            yield literal.values
        elif isinstance(literal, Says) and not literal.positive:
            facts = shapes.facts(literal.location)
            if facts.keys() <= {"enum", "const"} and (values := chosen(facts)) is not None:
                yield values


def stated_types(shapes: Shapes, shape: Shape) -> frozenset[str] | None:
    """Types that a value of a shape must be of by `type`; None without it."""
    stated = [allowed for said in _said(shapes, shape) if (allowed := said.types) is not None]
    return reduce(lambda a, b: a & b, stated) if stated else None


def _said(shapes: Shapes, shape: Shape) -> Iterator[Stated]:
    """What the schemas of a shape state, one by one."""
    for literal in shape.literals:
        if isinstance(literal, Says) and literal.positive:
            yield stated_at(shapes, literal.location)


def stated_at(shapes: Shapes, location: Location) -> Stated:
    """What a schema states, with those that must hold with it."""
    found = shapes.stated.get(location)
    if found is None:
        found = shapes.stated[location] = _stated_at(shapes, location)
    return found


def _stated_at(shapes: Shapes, location: Location) -> Stated:
    values: frozenset[Value] | None = None
    allowed: frozenset[str] | None = None
    for one in conjuncts(shapes, location):
        facts = shapes.facts(one)
        if (here := chosen(facts)) is not None:
            values = here if values is None else values & here
        if (named := types(facts)) is not None:
            named = frozenset("number" if name == "integer" else name for name in named)
            allowed = named if allowed is None else allowed & named
    return Stated(values, allowed)


def conjuncts(shapes: Shapes, location: Location) -> Iterator[Location]:
    """Every schema that must hold with one, itself included: through "$ref" and allOf."""
    todo = [location]
    seen = set(todo)
    while todo:
        location = todo.pop()
        yield location
        facts = shapes.facts(location)
        below = [location.reference("$ref")] if "$ref" in facts else []
        below += shapes.branches(location, facts, "allOf")
        todo += [one for one in below if one not in seen]
        seen.update(below)

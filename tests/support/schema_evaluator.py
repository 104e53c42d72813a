"""Does an instance validate? By the book, with our dialects and references, and nothing clever.

The slow and obvious judge of `grammars.json_schema.documents`: it evaluates applicators location by
location, so every test of the official suite also tests which keywords a dialect has, where schemas
lie in their values, and what references mean on the way. What only looks at the instance itself
(`type`, `minLength`, ...) it asks `jsonschema`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from grammars.json_schema.dialects import Kind
from grammars.json_schema.documents import Document
from grammars.json_schema.locations import Location, Scope
from tests.support.schema_suite import VALIDATORS

_APPLICATORS = {
    *("$ref", "$dynamicRef", "$recursiveRef", "allOf", "anyOf", "oneOf", "not", "if", "then", "else"),
    *("dependencies", "dependentSchemas", "propertyNames", "unevaluatedProperties", "unevaluatedItems"),
    *("properties", "patternProperties", "additionalProperties"),
    *("items", "prefixItems", "additionalItems", "contains", "minContains", "maxContains"),
}
Seen = set[str | int] | None  # the keys or indices that were evaluated; None: the instance is invalid


def is_valid(document: Document, instance: Any) -> bool:
    """Does `instance` validate against the document's root?"""
    return _evaluate(document.root, instance, ()) is not None


def _evaluate(location: Location, instance: Any, scope: Scope) -> Seen:
    if isinstance(location.value, bool):
        return set() if location.value else None
    kinds = (Kind.CONSTRAINT, Kind.REFERENCE)
    keywords = {k: v for k, v in location.keywords.items() if location.dialect.kind(k) in kinds}
    plain = {k: v for k, v in keywords.items() if k not in _APPLICATORS}
    if not VALIDATORS[location.dialect.name](plain).is_valid(instance):
        return None
    visit = _Visit(location, keywords, instance, location.resource.enter(scope))
    steps = [visit.references, visit.combinators, visit.condition]
    steps += [visit.dependents, visit.members] if isinstance(instance, dict) else []
    steps += [visit.items, visit.contains] if isinstance(instance, list) else []
    for step in [*steps, visit.unevaluated]:
        for seen in step():
            if seen is None:
                return None
            visit.seen |= seen
    return visit.seen


@dataclass
class _Visit:
    """One schema meets one instance; every method yields what its keywords evaluated."""

    location: Location
    keywords: dict[str, Any]
    instance: Any
    scope: Scope
    seen: set[str | int] = field(default_factory=set)

    def here(self, *keys: str | int) -> Seen:
        return _evaluate(self.location.child(*keys), self.instance, self.scope)

    def below(self, member: str | int, *keys: str | int) -> Seen:
        seen = _evaluate(self.location.child(*keys), self.instance[member], self.scope)
        return None if seen is None else {member}

    def references(self) -> Iterator[Seen]:
        for keyword in {"$ref", "$dynamicRef", "$recursiveRef"} & set(self.keywords):
            yield _evaluate(self.location.reference(keyword, self.scope), self.instance, self.scope)

    def combinators(self) -> Iterator[Seen]:
        branches = {
            keyword: [self.here(keyword, index) for index in range(len(self.keywords[keyword]))]
            for keyword in ("allOf", "anyOf", "oneOf")
            if keyword in self.keywords
        }
        yield from branches.get("allOf", [])
        for keyword, most in (("anyOf", 1 << 30), ("oneOf", 1)):
            held = [seen for seen in branches.get(keyword, [set()]) if seen is not None]
            yield set().union(*held) if 1 <= len(held) <= most else None
        if "not" in self.keywords and self.here("not") is not None:
            yield None

    def condition(self) -> Iterator[Seen]:
        if "if" in self.keywords:
            seen = self.here("if")
            yield seen or set()
            branch = "else" if seen is None else "then"
            if branch in self.keywords:
                yield self.here(branch)

    def dependents(self) -> Iterator[Seen]:
        for keyword in ("dependentSchemas", "dependencies"):
            for name, needs in self.keywords.get(keyword, {}).items():
                if name in self.instance and isinstance(needs, list):
                    yield set() if set(needs) <= set(self.instance) else None
                elif name in self.instance:
                    yield self.here(keyword, name)

    def members(self) -> Iterator[Seen]:
        for name in self.instance:
            named = [("properties", name)] if name in self.keywords.get("properties", {}) else []
            patterns = self.keywords.get("patternProperties", {})
            named += [("patternProperties", pattern) for pattern in patterns if re.search(pattern, name)]
            if not named and "additionalProperties" in self.keywords:
                named = [("additionalProperties",)]
            for keys in named:
                yield self.below(name, *keys)
            if "propertyNames" in self.keywords:
                fits = _evaluate(self.location.child("propertyNames"), name, self.scope) is not None
                yield set() if fits else None

    def items(self) -> Iterator[Seen]:
        older = self.location.dialect.items_may_be_a_list
        listed, rest = ("items", "additionalItems") if older else ("prefixItems", "items")
        prefix = self.keywords.get(listed, [])
        if not isinstance(prefix, list):  # one schema for all items
            prefix, rest = [], "items"
        elif older and listed not in self.keywords:
            rest = ""  # without "items", "additionalItems" means nothing
        for index in range(len(self.instance)):
            if index < len(prefix):
                yield self.below(index, listed, index)
            elif rest in self.keywords:
                yield self.below(index, rest)

    def contains(self) -> Iterator[Seen]:
        if "contains" in self.keywords:
            found = {index for index in range(len(self.instance)) if self.below(index, "contains") is not None}
            most = self.keywords.get("maxContains", len(found))
            fits = self.keywords.get("minContains", 1) <= len(found) <= most
            yield (found if self.location.dialect.number == 2020 else set()) if fits else None

    def unevaluated(self) -> Iterator[Seen]:
        for kind, keyword in ((dict, "unevaluatedProperties"), (list, "unevaluatedItems")):
            if isinstance(self.instance, kind) and keyword in self.keywords:
                members = self.instance if kind is dict else range(len(self.instance))
                for member in [each for each in members if each not in self.seen]:
                    yield self.below(member, keyword)

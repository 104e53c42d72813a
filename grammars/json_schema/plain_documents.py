"""Plain documents: those of which nothing can be refused later, told by one look at their keywords.

    {"type": "object", "properties": {"when": {"format": "date"}, "n": {"minimum": 0}}, "required": ["n"]}      plain
    {"properties": {"a": {"not": {...}}}}                                                                       not

Most documents restrict without combining: no negations, no conditions, nothing that several schemas with
alternatives say about one value. If their patterns are fine and all their automata together are small, whatever
is put together of them is small too. Then nobody has to walk over the document before a matcher does
(`outline`, exploring.py). "No" means "not plainly".
"""

from collections.abc import Sequence
from typing import Any

from constrained.errors import GrammarError
from grammars.json_schema import texts
from grammars.json_schema.documents import Document
from grammars.json_schema.forms import Form
from grammars.json_schema.sizes import BOUNDS, has_large_step, is_short, may_be_large

_LONG = 50_000  # characters of a document: constants of a shorter one make no large automaton by themselves
_IN_PLACE = frozenset({"$ref", "anyOf"})


def is_plain(document: Document) -> bool:
    """Is it sure, without another look, that nothing in a document leads to a refusal but emptiness?"""
    survey = document.survey
    if survey.is_eager or len(document.library.documents) > 1 or document.size > _LONG:
        return False
    for target in document.targets():
        if target is None or target.resource.document is not document:
            return False
        if not isinstance(target.value, bool) and not _IN_PLACE.isdisjoint(target.value):
            return False  # it might come back to itself
    return _are_small(survey.counting, survey.chooses)


def _are_small(counting: Sequence[tuple[Form, dict[str, Any]]], together: bool) -> bool:
    """Are all automata small that can be made of facts about strings and numbers?"""
    try:
        for _, schema in counting:
            if "pattern" in schema:
                texts.matching(schema["pattern"])
        if any(has_large_step(schema) for _, schema in counting):
            return False
        if together:
            return _are_small_at_once([schema for _, schema in counting])
        return all(_are_small_at_once([schema]) for form, schema in counting if form.meeting)
    except GrammarError:
        return False  # which does not matter in a definition that nobody uses


def _are_small_at_once(schemas: Sequence[dict[str, Any]]) -> bool:
    bounds = (schema[name] for schema in schemas for name in BOUNDS if name in schema)
    return all(map(is_short, bounds)) and not may_be_large(schemas)

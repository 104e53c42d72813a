"""What the keywords of a schema say by their names alone: found out once for all schemas with the same ones.

    {"type": "string", "description": "..."}     form ("type", "description")     checks   type
    {"type": "object", "description": "..."}     the same form                    says     type

People write few forms, so most schemas are looked up here, and only the words that count are gone through.

Forms also note what a document needs to be *plain* (plain_documents.py): nothing in it can be refused later.
"""

from dataclasses import dataclass
from typing import Any, Final

from grammars.json_schema.dialects import Dialect, Role, Rule, Said

_MOST = 20_000  # forms that are kept of each dialect

# What only expanding shows (exploring.py), what is tracked through a value, and what depends on the way to it.
_EAGER = frozenset(
    "not if then else allOf oneOf dependencies dependentSchemas propertyNames contains minContains maxContains"
    " patternProperties unevaluatedProperties unevaluatedItems"
    " $dynamicRef $recursiveRef $dynamicAnchor $recursiveAnchor".split()
)
OF_NUMBERS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"})
LENGTHS = frozenset({"minLength", "maxLength"})
OF_TEXTS = frozenset({"pattern", "format", "contentEncoding"})
_CONSTANTS = frozenset({"enum", "const"})
_COUNTING = OF_NUMBERS | LENGTHS | OF_TEXTS | _CONSTANTS

# With these alone there is a value of every type: null, "", 0, [] or {}.
_HARMLESS = frozenset(
    "type properties additionalProperties maxProperties items prefixItems additionalItems maxItems uniqueItems".split()
)


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """What the names of a schema's keywords tell, in one dialect."""

    checks: tuple[Rule, ...]  # what the survey looks at
    facts: tuple[str, ...]  # the keywords that restrict
    brings: tuple[Said, ...]  # those with schemas in them
    is_leaf: bool  # all that the survey looks at is plain
    names_itself: bool  # by "$schema" or "$id"
    eager: bool  # only looking at all of the document tells whether it is refused
    chooses: bool  # has alternatives
    refers: bool
    counting: bool  # facts about strings or numbers
    meeting: bool  # several of them, whose automata are put together
    harmless: bool  # whatever the values of these keywords, some value is valid


_forms: Final[dict[str, dict[tuple[str, ...], Form]]] = {}  # by the names of a dialect, and of keywords


def form_of(schema: dict[str, Any], dialect: Dialect) -> Form:
    """The form of a schema."""
    known = _forms.get(dialect.name)
    if known is None:
        known = _forms.setdefault(dialect.name, {})
    key = tuple(schema)
    found = known.get(key)
    if found is None:
        if len(known) >= _MOST:
            known.clear()
        found = known[key] = _form(frozenset(key), key, dialect)
    return found


def _form(names: frozenset[str], ordered: tuple[str, ...], dialect: Dialect) -> Form:
    rules, says = dialect.rules, dialect.says
    alone = dialect.ref_overrides_siblings and "$ref" in names
    told = tuple(name for name in (("$ref",) if alone else ordered) if name in says)
    facts = frozenset(told)
    texts = len(facts & OF_TEXTS) + (not facts.isdisjoint(LENGTHS)) + (not facts.isdisjoint(_CONSTANTS))
    numbers = len(facts & OF_NUMBERS) + (not facts.isdisjoint(_CONSTANTS))
    checks = tuple([rules[name] for name in ordered if name in rules])
    return Form(
        checks=checks,
        facts=told,
        brings=tuple([says[name] for name in told if says[name].role is not None]),
        is_leaf=all(rule.role is Role.PLAIN for rule in checks),
        names_itself="$schema" in names or dialect.id_keyword in names,
        eager=not _EAGER.isdisjoint(facts | (names & {"$dynamicAnchor", "$recursiveAnchor"}))
        or ("$ref" in facts and len(facts) > 1),
        chooses="anyOf" in facts,
        refers="$ref" in facts,
        counting=not facts.isdisjoint(_COUNTING),
        meeting=texts > 1 or numbers > 1,
        harmless=facts <= _HARMLESS,
    )

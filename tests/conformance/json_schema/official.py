"""The official test suite through our compiler.

    required          annotations stay annotations: format and content are not asserted
    optional          likewise; behaviour that the standard leaves open
    optional/format   formats are asserted, as their standards define them

Remote documents are those of the suite, supplied by hand (`resources=`): nothing is fetched.
"""

from pathlib import Path
from typing import Any

from grammars.json_schema.options import JsonSchemaOptions
from tests.conformance.json_schema.acceptance import outcomes
from tests.conformance.json_schema.ratchet import Outcomes
from tests.support.schema_suite import Group, groups, remotes

RECORD = Path(__file__).with_name("official_suite.json")


def options(file: str) -> JsonSchemaOptions:
    """The standard to the letter."""
    return JsonSchemaOptions(
        key_order="any",
        additional_properties="schema",
        formats="standard" if file.startswith("optional/format/") else "annotate",
        decimal_integers=True,
    )


def run(draft: str) -> dict[str, Outcomes]:
    """File ("draft7/ref") -> case ("draft7/ref/<group>/<test>") -> outcome."""
    found: dict[str, dict[str, str]] = {}
    supplied = dict(remotes())
    for group in groups(draft):
        cases = _run(group, supplied)
        file = found.setdefault(f"{draft}/{group.file}", {})
        for case, outcome in cases:
            while case in file:  # the suite has a few groups of the same name
                case += "'"
            file[case] = outcome
    return found


def _run(group: Group, supplied: dict[str, Any]) -> list[tuple[str, str]]:
    tests = [(test["data"], test["valid"]) for test in group.tests]
    cases = [f"{group}/{test['description']}" for test in group.tests]
    return list(zip(cases, outcomes(group.schema, tests, options(group.file), supplied), strict=True))

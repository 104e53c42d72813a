"""The official test suite through our compiler.

    required          annotations stay annotations: format and content are not asserted
    optional          likewise; behaviour that the standard leaves open
    optional/format   formats are asserted, as their standards define them; and once more in the common
                      reading, which is the default and what we write ("... (common)")

Remote documents are those of the suite, supplied by hand (`resources=`): nothing is fetched.
"""

from pathlib import Path
from typing import Any

from grammars.json_schema.options import Formats, JsonSchemaOptions
from tests.conformance.json_schema.acceptance import outcomes
from tests.conformance.json_schema.ratchet import Outcomes
from tests.support.schema_suite import Group, groups, remotes

RECORD = Path(__file__).with_name("official_suite.json")


COMMON = " (common)"


def options(formats: Formats) -> JsonSchemaOptions:
    """The standard to the letter."""
    return JsonSchemaOptions(key_order="any", additional_properties="schema", formats=formats, decimal_integers=True)


def readings(file: str) -> dict[str, JsonSchemaOptions]:
    """The options that a file is run with, by what its name is followed by in the record."""
    if file.startswith("optional/format/"):
        return {"": options("standard"), COMMON: options("assert")}
    return {"": options("standard" if file == "optional/content" else "annotate")}


def run(draft: str) -> dict[str, Outcomes]:
    """File ("draft7/ref") -> case ("draft7/ref/<group>/<test>") -> outcome."""
    found: dict[str, dict[str, str]] = {}
    supplied = dict(remotes())
    for group in groups(draft):
        for reading, chosen in readings(group.file).items():
            named = f"{draft}/{group.file}{reading}"
            file = found.setdefault(named, {})
            for case, outcome in _run(group, chosen, supplied):
                case = f"{named}/{case}"
                while case in file:  # the suite has a few groups of the same name
                    case += "'"
                file[case] = outcome
    return found


def _run(group: Group, chosen: JsonSchemaOptions, supplied: dict[str, Any]) -> list[tuple[str, str]]:
    tests = [(test["data"], test["valid"]) for test in group.tests]
    cases = [f"{group.description}/{test['description']}" for test in group.tests]
    return list(zip(cases, outcomes(group.schema, tests, chosen, supplied), strict=True))

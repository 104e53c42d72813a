"""The public MaskBench sample through our compiler, byte by byte: 1,000 real schemas with instances.

An outcome is the worst of a schema's instances; a schema without instances must compile, and what
nothing satisfies does not, as in MaskBench's own runner. The labels assert formats in every draft, as we do by
default, and follow the standard where a schema is silent.
"""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grammars.json_schema.options import JsonSchemaOptions
from tests.conformance.json_schema.acceptance import compiled, outcomes
from tests.conformance.json_schema.ratchet import ORDER, Outcomes
from tests.support.shared_data import shared

RECORD = Path(__file__).with_name("maskbench_public.json")
OPTIONS = JsonSchemaOptions(whitespace="json", key_order="any", additional_properties="schema")


def cases() -> Iterator[dict[str, Any]]:
    """The sample: dicts with `file`, `schema`, `tests`."""
    with gzip.open(shared("data/maskbench_public.jsonl.gz"), "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def run(step: int = 1) -> dict[str, Outcomes]:
    """Source ("Github_easy") -> file -> outcome, for every `step`-th schema."""
    found: dict[str, dict[str, str]] = {}
    for index, case in enumerate(cases()):
        if index % step == 0:
            tests = [(test["data"], test["valid"]) for test in case["tests"]]
            found.setdefault(_source(case["file"]), {})[case["file"]] = _outcome(case["schema"], tests)
    return found


def _source(file: str) -> str:
    """Where a schema comes from: "Github_easy", "BFCL_java", "JME"."""
    found = re.match(r"[A-Za-z0-9]+(_[a-z]+)*", file)
    return found[0] if found else file


def _outcome(schema: Any, tests: list[tuple[Any, bool]]) -> str:
    if tests:
        return max(outcomes(schema, tests, OPTIONS), key=ORDER.index)
    grammar = compiled(schema, OPTIONS)
    return "pass" if not isinstance(grammar, str) else "unsupported" if grammar == "unsatisfiable" else grammar

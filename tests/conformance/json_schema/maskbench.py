"""The public MaskBench sample through our compiler, byte by byte: 1,000 real schemas with instances.

An outcome is the worst of a schema's instances. The labels assert formats in every draft, as we do by
default, and follow the standard where a schema is silent.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grammars.json_schema.options import JsonSchemaOptions
from tests.conformance.json_schema.acceptance import outcomes
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
            worst = max(outcomes(case["schema"], tests, OPTIONS), key=ORDER.index, default="pass")
            found.setdefault(case["file"].split("---")[0], {})[case["file"]] = worst
    return found

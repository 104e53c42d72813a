"""Random walks through the masks of MaskBench's schemas: no dead end, and `jsonschema` accepts what they write.

    python -m tests.conformance.json_schema.walked [step]     prints what fails, and how much was judged

A schema is walked in every whitespace style and key order by turns, by both moods of `tests.fuzz.walks`.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from random import Random
from typing import Any

from constrained.errors import GrammarError
from grammars.json_schema.compiler import compile_json_schema
from grammars.json_schema.options import JsonSchemaOptions
from tests.conformance.json_schema import maskbench
from tests.conformance.json_schema.acceptance import PATIENT
from tests.fuzz import walks
from tests.fuzz.judge import Judge

WALKS, STEPS = 4, 50
STYLES = [
    JsonSchemaOptions(whitespace="flexible", key_order="any", additional_properties="schema"),
    JsonSchemaOptions(whitespace="json", key_order="schema", additional_properties="schema"),
    JsonSchemaOptions(whitespace="compact", key_order="any", additional_properties="declared"),
    JsonSchemaOptions(),
]
vocabulary = cache(walks.vocabulary)


@dataclass(frozen=True)
class Walked:
    """What became of one schema's walks."""

    file: str
    failure: str  # "" where all is well
    judged: int = 0  # texts that `jsonschema` accepted
    untold: int = 0  # texts of which it could not say


def walked(step: int = 1) -> Iterator[Walked]:
    """Every `step`-th schema; those that do not compile are the ratchet's business."""
    for index, (case, options) in enumerate(zip(maskbench.cases(), cycle(STYLES), strict=False)):
        if index % step == 0:
            yield _walk(case["file"], case["schema"], options, Random(index))


def _walk(file: str, schema: Any, options: JsonSchemaOptions, random: Random) -> Walked:
    try:
        grammar = compile_json_schema(schema, vocabulary(), options, limits=PATIENT)
    except GrammarError:
        return Walked(file, "")
    judge, judged, untold = Judge(schema, formats=True), 0, 0
    for number in range(WALKS):
        try:
            text = walks.walk(grammar, random, "clinging" if number % 2 else "uniform", random.randrange(1, STEPS))
        except (walks.DeadEnd, walks.Disagreement, GrammarError) as error:
            return Walked(file, f"{type(error).__name__}: {error}", judged, untold)
        verdict = judge.accepts(text)
        if verdict is False:
            return Walked(file, f"invalid: {text}", judged, untold)
        judged, untold = judged + (verdict is True), untold + (verdict is None)
    return Walked(file, "", judged, untold)


def main(arguments: list[str]) -> int:
    found = list(walked(int(arguments[0]) if arguments else 1))
    failures = [one for one in found if one.failure]
    print(*(f"{one.file}: {one.failure}" for one in failures), sep="\n")  # noqa: T201
    judged, untold = sum(one.judged for one in found), sum(one.untold for one in found)
    print(f"{len(found)} schemas, {judged} texts accepted, {untold} untold, {len(failures)} schemas fail")  # noqa: T201
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Random walks through the masks of MaskBench's schemas: no dead end, and `jsonschema` accepts what they write.

    python -m tests.conformance.json_schema.walked [step]     prints what fails, and how much was judged

A schema is walked in every whitespace style and key order by turns, by both moods of `tests.fuzz.walks`. The
judge gets its patterns in Python's dialect: in ECMA-262 `\\s` has U+FEFF, `\\d` and `\\w` are ASCII.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from random import Random
from typing import Any, cast

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


_SPELLED = {"d": "0-9", "w": "A-Za-z0-9_", "s": "\\s\ufeff"}
_PART = re.compile(r"\\.|\[|\]|\$", re.DOTALL)


def in_python(pattern: str) -> str:
    """An ECMA-262 pattern in the dialect of Python's `re`, as far as real schemas need it."""
    inside = False

    def anew(found: "re.Match[str]") -> str:
        nonlocal inside
        part = found[0]
        if part in "[]":
            inside = part == "["
        elif part == "$":
            return part if inside else r"\Z"
        elif part[1] in _SPELLED:
            return _SPELLED[part[1]] if inside else f"[{_SPELLED[part[1]]}]"
        elif part[1].lower() in _SPELLED and not inside:
            return f"[^{_SPELLED[part[1].lower()]}]"
        return part

    return _PART.sub(anew, pattern)


def judged_as(schema: Any) -> Any:
    """A schema with its patterns in Python's dialect."""
    if isinstance(schema, list):
        return [judged_as(each) for each in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    found = {name: judged_as(value) for name, value in cast("dict[str, Any]", schema).items()}
    if isinstance(found.get("pattern"), str):
        found["pattern"] = in_python(found["pattern"])
    if isinstance(found.get("patternProperties"), dict):
        found["patternProperties"] = {in_python(name): each for name, each in found["patternProperties"].items()}
    return found


def _walk(file: str, schema: Any, options: JsonSchemaOptions, random: Random) -> Walked:
    try:
        grammar = compile_json_schema(schema, vocabulary(), options, limits=PATIENT)
    except GrammarError:
        return Walked(file, "")
    judge, judged, untold = Judge(judged_as(schema), formats=True), 0, 0
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

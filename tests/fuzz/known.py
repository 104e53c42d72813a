"""A schema beside values that are all tried: what it is said to allow, and ways that lead nowhere.

`small` and `nested` draw the schemas, and say which values.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from constrained.errors import GrammarError, Unsatisfiable
from constrained.matcher import CompiledGrammar
from grammars.json_schema.compiler import compile_json_schema
from tests.conformance.json_schema.acceptance import accepts, byte_vocabulary, written
from tests.fuzz import walks
from tests.fuzz.check import LIMITS, TO_THE_LETTER, WALKS, Failure
from tests.fuzz.judge import Judge


@dataclass(frozen=True)
class Case:
    """A schema, the values that are tried of it, and whether there are no others that could be valid."""

    schema: dict[str, Any]
    values: Sequence[Any]
    random: Random  # for walks
    are_all: bool

    def failure(self) -> Failure | None:
        """What is wrong about the schema: what it is said to allow, or a way that leads nowhere."""
        judge = Judge(self.schema, formats=False)
        verdicts = [(text, judge.accepts(text)) for text in map(written, self.values)]
        try:
            grammar = compile_json_schema(json.dumps(self.schema), byte_vocabulary(), TO_THE_LETTER, limits=LIMITS)
        except Unsatisfiable:
            good = [text for text, valid in verdicts if valid]
            return Failure("not empty", good[0]) if good else None
        except GrammarError:
            return None
        if self.are_all and all(valid is False for _, valid in verdicts):
            return Failure("empty", "")
        for text, valid in verdicts:
            if valid is not None and accepts(grammar, text) != valid:
                return Failure("wrong reject" if valid else "wrong accept", text)
        return self._astray(grammar, judge)

    def _astray(self, grammar: CompiledGrammar, judge: Judge) -> Failure | None:
        random = self.random
        for number in range(WALKS):
            try:
                text = walks.walk(grammar, random, "clinging" if number % 2 else "uniform", random.randrange(1, 30))
            except (walks.DeadEnd, walks.Disagreement) as error:
                return Failure(type(error).__name__, str(error))
            if judge.accepts(text) is False:
                return Failure("unsound", text)
        return None


def check_many(what: str, count: int, first: int, draw: Callable[[int], Case]) -> int:
    """Check the cases of so many numbers; print every failure. An exit status."""
    failures = 0
    for seed in range(first, first + count):
        case = draw(seed)
        try:
            failure = case.failure()
        except Exception as error:  # noqa: BLE001  whatever it is, it is a failure, and the next schema is tried
            failure = Failure(f"crash {type(error).__name__}", str(error)[:300])
        if failure is not None:
            failures += 1
            print(f"{seed}: {failure.kind}: {json.dumps(case.schema)}\n    {failure.details}", flush=True)  # noqa: T201
    print(f"{count} {what} from {first}: {failures} failures")  # noqa: T201
    return min(failures, 1)

"""Recorded outcomes that may only improve.

    {"totals": {"draft7/ref": {"pass": 70, "unsupported": 1}},      every file, every case counted
     "exceptions": {"draft7/ref/<group>/<test>": "unsupported"}}    and those that do not pass, by name

Outcomes are ordered by harm: to accept a bad text is worst, to refuse a schema is honest.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ORDER = ("pass", "unsupported", "wrong_reject", "crash", "wrong_accept")

Outcomes = Mapping[str, str]  # case -> one of ORDER; a case is "<file>/<group>/<test>", whatever these are


def compare(recorded: Outcomes, current: Outcomes) -> tuple[list[str], list[str]]:
    """(regressions, improvements) as readable lines. A case that was not recorded must pass."""
    regressions: list[str] = []
    improvements: list[str] = []
    for case, outcome in current.items():
        before = recorded.get(case, "pass")
        if outcome != before:
            worse = ORDER.index(outcome) > ORDER.index(before)
            (regressions if worse else improvements).append(f"{case}: {before} -> {outcome}")
    return regressions, improvements


@dataclass(frozen=True)
class Record:
    """What was recorded: how many cases of each file had which outcome, and which did not pass."""

    totals: Mapping[str, Mapping[str, int]]
    exceptions: Outcomes

    @classmethod
    def of(cls, outcomes: Mapping[str, Outcomes]) -> "Record":
        """The record of `outcomes`, given by file."""
        totals = {file: dict(sorted(Counter(cases.values()).items())) for file, cases in sorted(outcomes.items())}
        found = {case: outcome for cases in outcomes.values() for case, outcome in cases.items() if outcome != "pass"}
        return cls(totals, dict(sorted(found.items())))

    @classmethod
    def read(cls, path: Path) -> "Record":
        """The record in a file."""
        data = json.loads(path.read_text())
        return cls(data["totals"], data["exceptions"])

    def write(self, path: Path) -> None:
        """Write it, one line per file and case, so that changes are seen."""
        lines = [f"    {json.dumps(file)}: {json.dumps(counts)}" for file, counts in self.totals.items()]
        cases = [f"    {json.dumps(case)}: {json.dumps(outcome)}" for case, outcome in self.exceptions.items()]
        path.write_text(
            "\n".join(['{"totals": {', ",\n".join(lines), '}, "exceptions": {', ",\n".join(cases), "}}", ""])
        )

    def counts(self) -> Counter[str]:
        """How many cases had which outcome."""
        found: Counter[str] = Counter()
        for counts in self.totals.values():
            found.update(counts)
        return found

"""Record today's outcomes: `python -m tests.conformance.json_schema.record [official] [maskbench]`.

Refuses to record a regression, unless asked with `--worse`.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from tests.conformance.json_schema import maskbench, official
from tests.conformance.json_schema.ratchet import Outcomes, Record, compare
from tests.support.schema_suite import DRAFTS


def record(path: Path, found: Mapping[str, Outcomes], worse: bool) -> int:
    current = {case: outcome for cases in found.values() for case, outcome in cases.items()}
    before = Record.read(path).exceptions if path.exists() else current
    regressions, improvements = compare(before, current)
    print(*(f"improved  {line}" for line in improvements), *(f"REGRESSED {line}" for line in regressions), sep="\n")  # noqa: T201
    if regressions and not worse:
        return 1
    Record.of(found).write(path)
    print(path.name, dict(Record.of(found).counts()))  # noqa: T201
    return 0


def main(arguments: list[str]) -> int:
    worse = "--worse" in arguments
    wanted = [one for one in arguments if one != "--worse"] or ["official", "maskbench"]
    failed = 0
    if "official" in wanted:
        found = {file: cases for draft in DRAFTS for file, cases in official.run(draft).items()}
        failed |= record(official.RECORD, found, worse)
    if "maskbench" in wanted:
        failed |= record(maskbench.RECORD, maskbench.run(), worse)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

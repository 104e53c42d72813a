"""The official test suite: outcomes that may only improve (`record.py` records them)."""

from collections import Counter

import pytest

from tests.conformance.json_schema import official
from tests.conformance.json_schema.ratchet import Outcomes, Record, compare
from tests.support.schema_suite import DRAFTS

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module", params=DRAFTS)
def current(request: pytest.FixtureRequest) -> dict[str, Outcomes]:
    return official.run(request.param)


def test_no_outcome_gets_worse(current: dict[str, Outcomes]):
    recorded = Record.read(official.RECORD)
    regressions, improvements = compare(
        recorded.exceptions, {case: outcome for cases in current.values() for case, outcome in cases.items()}
    )
    print(*improvements, sep="\n")  # noqa: T201  shown by `pytest -rP`
    assert regressions == []


def test_no_case_goes_missing(current: dict[str, Outcomes]):
    recorded = Record.read(official.RECORD)
    assert {file: sum(recorded.totals[file].values()) for file in current} == {
        file: len(cases) for file, cases in current.items()
    }


def recorded_counts(*, formats: bool, reading: str = "") -> Counter[str]:
    """Outcomes of the required cases, or of those in optional/format, in one reading."""
    found: Counter[str] = Counter()
    for file, counts in Record.read(official.RECORD).totals.items():
        of_formats = "/optional/format/" in file and file.endswith(official.COMMON) == bool(reading)
        if of_formats if formats else "/optional/" not in file:
            found.update(counts)
    return found


def test_nothing_required_is_accepted_or_rejected_wrongly():
    counts = recorded_counts(formats=False)
    assert counts["wrong_accept"] == counts["crash"] == 0
    assert counts["wrong_reject"] == 0
    assert counts["pass"] >= 0.97 * counts.total()


@pytest.mark.parametrize(("reading", "most"), [("", 0.01), (official.COMMON, 0.02)])
def test_no_text_of_a_wrong_format_is_accepted(reading: str, most: float):
    counts = recorded_counts(formats=True, reading=reading)
    assert counts["wrong_accept"] == counts["crash"] == 0
    assert counts["wrong_reject"] < most * (counts.total() + recorded_counts(formats=False).total())

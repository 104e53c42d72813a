"""The public MaskBench sample: outcomes that may only improve (`record.py` records them)."""

import pytest

from tests.conformance.json_schema import maskbench, walked
from tests.conformance.json_schema.ratchet import Record, compare

pytestmark = pytest.mark.shared


@pytest.mark.parametrize(
    "step",
    [pytest.param(7, id="every seventh schema"), pytest.param(1, id="every schema", marks=pytest.mark.slow)],
)
def test_no_outcome_gets_worse(step: int):
    recorded = Record.read(maskbench.RECORD)
    current = {file: outcome for files in maskbench.run(step).values() for file, outcome in files.items()}
    regressions, improvements = compare(recorded.exceptions, current)
    print(*improvements, sep="\n")  # noqa: T201  shown by `pytest -rP`
    assert regressions == []
    assert len(current) == -(-1000 // step)


def test_nearly_every_schema_passes_and_no_invalid_instance_is_accepted():
    counts = Record.read(maskbench.RECORD).counts()
    assert counts["wrong_accept"] == 0
    assert counts["pass"] >= 970


@pytest.mark.parametrize(
    "step",
    [pytest.param(30, id="every thirtieth schema"), pytest.param(1, id="every schema", marks=pytest.mark.slow)],
)
def test_walks_through_the_masks_end_in_valid_instances(step: int):
    found = list(walked.walked(step))
    assert [one for one in found if one.failure] == []
    assert sum(one.judged for one in found) > 0.98 * walked.WALKS * len(found)

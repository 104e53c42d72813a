"""Every benchmark runs, at its small size, and what it finds can be kept."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks import harness
from benchmarks.harness import Size
from benchmarks.registered import BENCHMARKS, load, run

FOLDER = Path(harness.__file__).parent


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs_and_its_rows_can_be_kept(name: str, tmp_path: Path, monkeypatch):
    rows = run(name, Size.SMALL)
    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    harness.keep(name, rows)
    first, *others = map(json.loads, (tmp_path / f"{name}.jsonl").read_text().splitlines())
    assert {"commit", "engine", "processor", "cores"} <= set(first["machine"])
    assert others == [json.loads(json.dumps(asdict(row))) for row in rows]
    assert rows
    assert len({row.what for row in rows}) == len(rows), "two rows of one name"


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_says_what_it_asks_and_claims(name: str):
    assert "?" in (load(name).__doc__ or "").partition("\n\n")[0]


def test_every_benchmark_is_registered():
    with_rows = {path.stem for path in FOLDER.glob("*.py") if "\ndef rows(" in path.read_text()}
    assert with_rows == set(BENCHMARKS)

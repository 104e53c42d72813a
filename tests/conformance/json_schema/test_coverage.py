"""The tables in the documentation say what is so."""

from pathlib import Path

import pytest

from tests.conformance.json_schema import coverage


@pytest.mark.shared
@pytest.mark.parametrize("page", coverage.PAGES, ids=lambda page: page.name)
def test_the_tables_of_the_documentation_are_true(page: Path):
    text = page.read_text()
    assert [name for name in coverage.TABLES if f"<!-- table: {name} -->" in text] == list(coverage.PAGES[page])
    assert text == coverage.filled(text), "run python -m tests.conformance.json_schema.coverage"


@pytest.mark.shared
def test_no_label_of_maskbench_is_contradicted_by_jsonschema():
    assert list(coverage.maskbench_disagreements()) == []

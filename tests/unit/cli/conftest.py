"""What tests of the command line share: a model, and files."""

import json
from pathlib import Path

import pytest

from tests.runtime import tiny


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model directory with random weights."""
    return str(tiny.write_model(tmp_path_factory.mktemp("model")))


@pytest.fixture
def written(tmp_path: Path):
    """Write a file and return its path."""

    def write(content: object, name: str = "input.json") -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return str(path)

    return write

"""What tests of the runtime share."""

import pytest

from constrained.runtime import batch, decode
from tests.runtime import tiny


@pytest.fixture
def tiny_vocabulary(monkeypatch):
    """Engines and loops that are given no tokenizer have the tiny models' vocabulary."""
    for module in (batch, decode):
        monkeypatch.setattr(module, "vocabulary_of", lambda model, tokenizer: tiny.vocabulary())


@pytest.fixture(scope="session")
def model():
    return tiny.model()

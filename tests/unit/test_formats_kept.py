"""Automata of formats are found on disk as they were made, and made again where they are not there whole."""

from pathlib import Path

import numpy as np
import pytest

from constrained.automata.dfa import Dfa
from constrained.automata.ecma import pattern_dfa
from grammars.json_schema import formats_kept, formats_net
from grammars.json_schema.formats_kept import kept
from tests.support.automata import equal_tables


class Maker:
    """Makes an automaton, and counts how often."""

    def __init__(self) -> None:
        self.made = 0

    def function(self):
        """A function of one name, as a process would have it that has not called it yet."""

        @kept
        def format_of(pattern: str) -> Dfa:
            self.made += 1
            return pattern_dfa(pattern)

        return format_of


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CONSTRAINED_CACHE", raising=False)
    return tmp_path

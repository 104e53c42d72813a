"""Automata of formats are found on disk as they were made, and made again where they are not there whole."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from constrained.automata.dfa import Dfa
from constrained.automata.ecma import pattern_dfa
from constrained.vocabulary.cache import digest_of
from grammars.json_schema import formats_kept
from grammars.json_schema.formats_kept import kept

PATTERN = "^a{1,9}b*$"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CONSTRAINED_CACHE", raising=False)
    return tmp_path


def maker(made: list[str]) -> Callable[[str], Dfa]:
    """The same function, as each process has one of its own."""

    @kept
    def some_format(pattern: str) -> Dfa:
        made.append(pattern)
        return pattern_dfa(pattern)

    return some_format


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_second_process_finds_the_same_automaton(folder: Path) -> None:
    made: list[str] = []
    first, second = maker(made)(PATTERN), maker(made)(PATTERN)
    assert made == [PATTERN]
    assert len(files(folder)) == 1
    assert first is not second
    assert first.dump() == second.dump()
    assert first.classes.tolist() == second.classes.tolist()
    second.check()


def test_arguments_are_told_apart(folder: Path) -> None:
    made: list[str] = []
    assert maker(made)("^a$").accepts(b"a")
    assert not maker(made)("^b$").accepts(b"a")
    assert made == ["^a$", "^b$"]


@pytest.mark.parametrize("length", [-7, -1, 0])
def test_what_is_damaged_is_made_again(folder: Path, length: int) -> None:
    made: list[str] = []
    whole = maker(made)(PATTERN)
    (file,) = files(folder)
    file.write_bytes(file.read_bytes()[:length] + b"!")
    assert maker(made)(PATTERN).dump() == whole.dump()
    assert made == [PATTERN, PATTERN]
    assert maker(made)(PATTERN).dump() == whole.dump()
    assert len(made) == 2


def test_nothing_is_kept_where_that_is_turned_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSTRAINED_CACHE", "off")
    made: list[str] = []
    assert maker(made)(PATTERN).dump() == maker(made)(PATTERN).dump()
    assert made == [PATTERN, PATTERN]
    assert not files(folder)


def test_versions_written_last_are_kept_and_others_are_made_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    for day, version in enumerate("abcd"):
        monkeypatch.setattr(formats_kept, "_sources", lambda version=version: version)
        assert maker(made)(PATTERN).dump() == pattern_dfa(PATTERN).dump()
        (file,) = (path for path in files(folder) if path.parent.name == version)
        os.utime(file.parent, (day, day))
    assert {path.parent.name for path in files(folder)} == {"b", "c", "d"}
    assert len(made) == 4
    maker(made)(PATTERN)
    assert len(made) == 4
    monkeypatch.setattr(formats_kept, "_sources", lambda: "a")
    assert maker(made)(PATTERN).dump() == pattern_dfa(PATTERN).dump()
    assert len(made) == 5
    assert {path.parent.name for path in files(folder)} == {"a", "c", "d"}


def test_the_version_is_that_of_sources_that_are_there() -> None:
    assert formats_kept._sources() != digest_of()[:32]

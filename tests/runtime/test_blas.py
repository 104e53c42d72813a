"""OpenBLAS is loaded where it can help, and its absence is no error."""

import ctypes
import sys

import pytest

from constrained.runtime import blas


class Library:
    """Notes how it was loaded and what it was told."""

    def __init__(self) -> None:
        self.loaded: list[tuple[str, int]] = []
        self.threads: list[int] = []

    def load(self, name: str, mode: int) -> "Library":
        self.loaded.append((name, mode))
        return self

    def openblas_set_num_threads(self, number: int) -> None:
        self.threads.append(number)


@pytest.fixture
def library(monkeypatch):
    """OpenBLAS, on a Linux machine before MLX is loaded."""
    made = Library()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delitem(sys.modules, "mlx.core", raising=False)
    monkeypatch.setattr(ctypes, "CDLL", made.load)
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    return made


def test_it_is_loaded_for_the_whole_process_with_one_thread(library):
    assert blas.prefer_openblas()
    assert library.loaded == [("libopenblas.so.0", ctypes.RTLD_GLOBAL)]
    assert library.threads == [1]


def test_the_users_number_of_threads_is_kept(library, monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    assert blas.prefer_openblas()
    assert library.threads == []


def test_its_absence_is_no_error(library, monkeypatch):
    def absent(name: str, mode: int) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", absent)
    assert not blas.prefer_openblas()


def test_it_is_not_tried_on_macos_or_once_mlx_is_there(library, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlx.core", object())
    assert not blas.prefer_openblas()
    monkeypatch.delitem(sys.modules, "mlx.core")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not blas.prefer_openblas()
    assert library.loaded == []

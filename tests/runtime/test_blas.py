"""OpenBLAS is loaded where it can help, computes the same, and its absence is no error."""

import ctypes
import shutil
import subprocess
import sys
from ctypes import util
from pathlib import Path

import numpy as np
import pytest

from constrained.runtime import blas


class System:
    """The system's OpenBLAS; notes how it was loaded and what it was told."""

    def __init__(self) -> None:
        self.loaded: list[tuple[str, int]] = []
        self.threads: list[int] = []

    def load(self, name: str, mode: int) -> "System":
        self.loaded.append((name, mode))
        return self

    def openblas_set_num_threads(self, number: int) -> None:
        self.threads.append(number)


@pytest.fixture
def system(monkeypatch):
    """A Linux machine with OpenBLAS, before MLX is loaded."""
    made = System()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delitem(sys.modules, "mlx.core", raising=False)
    monkeypatch.setattr(ctypes, "CDLL", made.load)
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.delenv("CONSTRAINED_BLAS", raising=False)
    return made


def absent(name: str, mode: int) -> None:
    raise OSError(name)


def test_the_systems_is_loaded_for_the_whole_process_with_one_thread(system):
    assert blas.prefer_openblas()
    assert system.loaded == [("libopenblas.so.0", ctypes.RTLD_GLOBAL)]
    assert system.threads == [1]


def test_the_users_number_of_threads_is_kept(system, monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    assert blas.prefer_openblas()
    assert system.threads == []


def test_nothing_is_tried_where_it_cannot_help(system, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlx.core", object())
    assert not blas.prefer_openblas()
    monkeypatch.delitem(sys.modules, "mlx.core")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not blas.prefer_openblas()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("CONSTRAINED_BLAS", "off")
    assert not blas.prefer_openblas()
    assert system.loaded == []


def test_the_absence_of_both_is_no_error(system, monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", absent)
    monkeypatch.setattr(blas, "BUNDLED", "no-such-library-*.so")
    assert not blas.prefer_openblas()


@pytest.mark.parametrize("trouble", ["no compiler", "a compiler that fails", "no cache"])
def test_without_a_translation_the_reference_stays(system, monkeypatch, tmp_path, trouble):
    (tmp_path / "blocked").write_text("")
    library = tmp_path / "libscipy_openblas64_.so"
    library.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ("blocked" if trouble == "no cache" else "cache")))
    monkeypatch.setattr(shutil, "which", lambda name: None if trouble == "no compiler" else "/bin/false")
    assert blas._translate(library) is None


PROGRAM = """
from pathlib import Path
import constrained.runtime
import mlx.core as mx
import numpy as np
for m, k, n in [(1, 64, 48), (7, 33, 5), (64, 576, 96)]:
    a, b = (np.random.default_rng(m).normal(size=size).astype(np.float32) for size in ((m, k), (n, k)))
    np.testing.assert_allclose(np.array(mx.array(a) @ mx.array(b).T), a @ b.T, atol=1e-3)
print("blas" in {Path(word).parent.name for word in Path("/proc/self/maps").read_text().split()})
"""


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler")
@pytest.mark.skipif(util.find_library("openblas") is not None, reason="the system's OpenBLAS comes first")
@pytest.mark.skipif(
    not list((Path(np.__file__).parents[1] / "numpy.libs").glob(blas.BUNDLED)), reason="numpy brings no OpenBLAS"
)
def test_numpys_library_computes_mlxs_products(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CONSTRAINED_BLAS", raising=False)
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "True\n"

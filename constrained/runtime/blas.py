"""A faster matrix product for MLX's CPU backend on Linux.

MLX's Linux wheel brings the reference BLAS. With OpenBLAS a model in float32 reads its prompt ten times
as fast. The linker takes the first `cblas_sgemm` it finds, so it is enough to load one for the whole
process *before* `mlx.core`. There are two places to find one:

    libopenblas.so.0                    the system's     (Debian, Ubuntu: libopenblas0-pthread)
    numpy.libs/libscipy_openblas64_...  numpy's wheel's  under other names and with 64-bit sizes: the C
                                                         function below, compiled once, translates

Both are used with one thread: the products of one token are too small to share. Nothing here is ever
required: without a library, a compiler or a cache to write to, MLX works as it always does, and on
macOS, where it has Accelerate and the GPU, nothing is tried. `CONSTRAINED_BLAS=off` turns it off.
"""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np

from constrained.vocabulary.cache import cache_folder, digest_of

SYSTEM = "libopenblas.so.0"
BUNDLED = "libscipy_openblas64_*.so"
COMPILE_SECONDS = 30.0
FLAGS = ["-O2", "-shared", "-fPIC", "-Wl,--no-undefined"]

TRANSLATION = """
#include <stdint.h>
typedef int64_t i;
typedef float f;
int scipy_openblas_get_num_threads64_(void);
void scipy_openblas_set_num_threads64_(int);
void scipy_cblas_sgemm64_(int, int, int, i, i, i, f, const f *, i, const f *, i, f, f *, i);

void cblas_sgemm(int order, int ta, int tb, int m, int n, int k, f alpha, const f *a, int lda,
                 const f *b, int ldb, f beta, f *c, int ldc) {
  int threads = scipy_openblas_get_num_threads64_(); /* numpy's own setting: it is given back */
  scipy_openblas_set_num_threads64_(1);
  scipy_cblas_sgemm64_(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  scipy_openblas_set_num_threads64_(threads);
}
"""


def prefer_openblas() -> bool:
    """Load an OpenBLAS for the whole process if that can still help; return whether it was loaded."""
    if sys.platform != "linux" or "mlx.core" in sys.modules or os.environ.get("CONSTRAINED_BLAS", "").lower() == "off":
        return False
    return _load_system() or _load_bundled()


def _load_system() -> bool:
    try:
        library = ctypes.CDLL(SYSTEM, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    if "OPENBLAS_NUM_THREADS" not in os.environ:
        library.openblas_set_num_threads(1)
    return True


def _load_bundled() -> bool:
    bundled = next((Path(np.__file__).parents[1] / "numpy.libs").glob(BUNDLED), None)
    translated = _translate(bundled) if bundled else None
    if translated is None:
        return False
    try:
        ctypes.CDLL(str(translated), mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True


def _translate(bundled: Path) -> Path | None:
    """A library that gives `bundled` the standard name, compiled if it is not in the cache; None if it cannot be."""
    folder = cache_folder() / "blas"
    target = folder / f"{digest_of(TRANSLATION.encode(), str(bundled).encode())[:16]}.so"
    compiler = shutil.which("cc")
    if target.exists() or compiler is None:
        return target if target.exists() else None
    # Any failure below means the same: no translation.
    with suppress(OSError, subprocess.SubprocessError):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".compiling-") as scratch:
            made = Path(scratch) / "made.so"
            subprocess.run(
                [compiler, *FLAGS, "-o", made, "-xc", "-", "-xnone", bundled, f"-Wl,-rpath,{bundled.parent}"],
                input=TRANSLATION.encode(),
                capture_output=True,
                timeout=COMPILE_SECONDS,
                check=True,
            )
            made.replace(target)
        return target
    return None

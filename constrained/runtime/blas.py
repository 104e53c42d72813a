"""A faster matrix product for MLX's CPU backend on Linux, when the system has one.

MLX's Linux wheel brings the reference BLAS. Where OpenBLAS is installed (Debian and Ubuntu:
`libopenblas0-pthread`), a model in float32 decodes about twice as fast and reads its prompt ten times
as fast with it. The linker takes the first definition of `cblas_sgemm` it finds, so it is enough to
load OpenBLAS for the whole process *before* `mlx.core`. Never required, and on macOS (where MLX uses
Accelerate or the GPU) never tried.
"""

import ctypes
import os
import sys

LIBRARY = "libopenblas.so.0"


def prefer_openblas() -> bool:
    """Load OpenBLAS for the whole process if that can still help; return whether it was loaded.

    It gets one thread unless OPENBLAS_NUM_THREADS says otherwise: the products of one token are too small
    to share.
    """
    if sys.platform != "linux" or "mlx.core" in sys.modules:
        return False
    try:
        library = ctypes.CDLL(LIBRARY, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    if "OPENBLAS_NUM_THREADS" not in os.environ:
        library.openblas_set_num_threads(1)
    return True

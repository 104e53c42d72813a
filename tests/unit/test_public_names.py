"""What other programs rely on: the names, and that importing them stays cheap."""

import subprocess
import sys

import pytest

import constrained
import grammars


@pytest.mark.parametrize("package", [constrained, grammars], ids=lambda package: package.__name__)
def test_public_names_are_sorted_and_real(package):
    assert package.__all__ == sorted(package.__all__)
    assert all(hasattr(package, name) for name in package.__all__)


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("constrained", {"mlx", "mlx_lm", "torch", "transformers"}),
        ("grammars", {"mlx", "mlx_lm", "torch", "transformers"}),
        ("constrained.notebook", {"IPython", "mlx", "mlx_lm", "torch", "transformers"}),
        ("server.cli", {"fastapi", "mlx", "mlx_lm", "transformers", "uvicorn"}),
    ],
)
def test_importing_does_not_load_what_it_may_never_need(module, unwanted):
    script = f"import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert unwanted.isdisjoint(loaded)

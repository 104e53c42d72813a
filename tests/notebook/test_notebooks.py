"""Notebooks run from top to bottom on the packaged model, and are kept without their outputs."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from constrained.errors import ModelError
from constrained.runtime.packaged_model import find_gguf
from tests.support.shared_data import CHECKOUT

NOTEBOOKS = sorted((CHECKOUT / "notebooks").glob("*.ipynb"))
FAST = {"01_from_regex_to_mask", "05_measurements"}  # a few seconds each; the others take a minute or so


def cases() -> list:
    return [
        pytest.param(path, id=path.stem, marks=[] if path.stem in FAST else [pytest.mark.slow]) for path in NOTEBOOKS
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_as_source(path: Path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert cell.cell_type in ("code", "markdown")
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None), "make notebooks strips outputs"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


@pytest.mark.model
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("default")  # the kernel's own, on its way up
@pytest.mark.parametrize("path", cases())
def test_a_notebook_runs_from_top_to_bottom(path: Path, monkeypatch):
    try:
        find_gguf()
    except ModelError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute()
    said = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in said if output.output_type == "error" or output.get("name") == "stderr"]
    if "%load_ext" in path.read_text():
        assert any("cmlx" in output.get("data", {}).get("text/html", "") for output in said)

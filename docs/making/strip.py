"""Take outputs and counts out of the notebooks, as they are kept: `make notebooks`."""

from pathlib import Path

import nbformat

KEPT = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def strip(path: Path) -> None:
    """Write a notebook as its source alone."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata = nbformat.from_dict(KEPT)
    for number, cell in enumerate(notebook.cells, 1):
        cell.metadata, cell["id"] = {}, f"cell-{number:02}"
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    path.write_text(nbformat.writes(notebook, indent=1) + "\n")


if __name__ == "__main__":
    for each in sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb")):
        strip(each)

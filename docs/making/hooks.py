"""What the site has beside the pages in docs/: notebooks with their outputs, plots, the changelog, a list of decisions.

Notebooks are run when the site is built, unless `DOCS_RUN_NOTEBOOKS=0`; what they said is kept in .cache/, under
a digest of the notebook and of the package.
"""

import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks import plots  # noqa: E402  it is no package that is installed

CACHE = ROOT / ".cache" / "notebooks"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The contents of the site, without those pages that are yet to be written."""
    written = {str(path.relative_to(config.docs_dir)) for path in Path(config.docs_dir).rglob("*.md")}
    config.nav = _without(config.nav, lambda page: "/" not in page and page not in {*written, "changelog.md"})
    return config


def _without(nav: Any, missing: Callable[[str], bool]) -> Any:
    match nav:
        case list():
            return [_without(one, missing) for one in nav if not (isinstance(one, str) and missing(one))]
        case dict():
            return {title: _without(one, missing) for title, one in nav.items()}
        case _:
            return nav


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """mkdocs asks what there is."""
    files.append(File.generated(config, "changelog.md", content=(ROOT / "CHANGELOG.md").read_text()))
    files.append(File.generated(config, "decisions/index.md", content="\n".join(_decisions())))
    for name in plots.PLOTS:
        files.append(File.generated(config, f"plots/{name}.svg", content=plots.svg(name)))
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        content = "\n\n".join(_page(_run(path), path))
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=content))
    return files


def _decisions() -> Iterator[str]:
    yield "# Decisions\n\nWhat was weighed, what was chosen, and what it costs.\n"
    for path in sorted((ROOT / "docs" / "decisions").glob("0*.md")):
        title = path.read_text().partition("\n")[0].removeprefix("# ")
        yield f"{int(path.name[:4])}. [{title}]({path.name})"


# ---------------------------------------------------------------- notebooks


def _run(path: Path) -> Any:
    """The notebook with its outputs, or without if nothing is to be run."""
    notebook = nbformat.read(path, as_version=4)
    if os.environ.get("DOCS_RUN_NOTEBOOKS") == "0":
        return notebook
    cached = CACHE / f"{_digest(path)}.ipynb"
    if cached.exists():
        return nbformat.read(cached, as_version=4)
    os.environ["PYTHONPATH"] = str(ROOT)
    place = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=1200, kernel_name="python3", resources=place).execute()
    CACHE.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, cached)
    return notebook


def _digest(path: Path) -> str:
    found = hashlib.sha256(path.read_bytes())
    for package in ("constrained", "grammars", "server", "benchmarks"):
        for source in sorted((ROOT / package).rglob("*.py")):
            found.update(source.read_bytes())
    for results in sorted((ROOT / "benchmarks").rglob("*.jsonl")):
        found.update(results.read_bytes())
    return f"{path.stem}-{found.hexdigest()[:16]}"


def _page(notebook: Any, path: Path) -> Iterator[str]:
    """The notebook as Markdown."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            yield _linked(cell.source)
        else:
            yield f"```python\n{cell.source}\n```"
            yield from map(_output, _merged(cell.outputs))
    yield f"*This page is the notebook `notebooks/{path.name}`, run when the site was built.*"


def _linked(text: str) -> str:
    """Mentions of other notebooks become links."""
    return re.sub(r"`(\d\d_\w+)\.ipynb`", r"[`\1.ipynb`](\1.md)", text)


def _merged(outputs: list[Any]) -> Iterator[Any]:
    """Pieces of one stream, printed one by one, are one output."""
    held: Any = None
    for output in outputs:
        if output.output_type == "stream" and held is not None and held.name == output.name:
            held.text += output.text
            continue
        if held is not None:
            yield held
            held = None
        if output.output_type == "stream":
            held = output
        else:
            yield output
    if held is not None:
        yield held


def _output(output: Any) -> str:
    match output.output_type:
        case "stream":
            return f"```text\n{output.text.rstrip()}\n```"
        case "error":
            return f"```text\n{output.ename}: {output.evalue}\n```"
        case _:
            return _display(output.data)


def _display(data: Any) -> str:
    if "text/html" in data:
        return f'<div markdown="0">{data["text/html"]}</div>'
    if "image/svg+xml" in data:
        return f'<div markdown="0">{data["image/svg+xml"][data["image/svg+xml"].index("<svg") :]}</div>'
    if "image/png" in data:
        return f'<img alt="a plot" src="data:image/png;base64,{data["image/png"].strip()}">'
    return f"```text\n{data['text/plain']}\n```"

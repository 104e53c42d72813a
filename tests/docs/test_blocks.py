"""Every code block of every page runs."""

from functools import cache
from pathlib import Path

import pytest

import constrained.runtime
from constrained.errors import ModelError
from constrained.runtime import models
from constrained.runtime.packaged_model import find_gguf
from tests.runtime.tiny import write_model
from tests.support.doc_blocks import Block, Runner, blocks
from tests.support.http_server import Server
from tests.support.shared_data import CHECKOUT

PAGES = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]
load_once = cache(models.load_model)


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def address(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory):
    """Host and port of a server, started by the first page that asks."""
    started: list[Server] = []

    def ask() -> str:
        if not started:
            log = tmp_path_factory.mktemp("server") / "log"
            started.append(Server("--model", str(tiny_model), "--max-tokens", "200", log=log))
        return f"127.0.0.1:{started[0].port}"

    yield ask
    for server in started:
        server.stop()


@pytest.mark.model
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_block_of_a_page_runs(page: Path, tmp_path: Path, address, tiny_model, monkeypatch):
    found = list(blocks(page))
    if any("load_model" in block.text for block in found):
        try:
            find_gguf()
        except ModelError as error:
            pytest.skip(str(error))
    monkeypatch.setattr(constrained.runtime, "load_model", lambda name=None, **_: load_once(name))
    monkeypatch.chdir(tmp_path)
    runner = Runner(page, tmp_path, address, tiny_model)
    for block in found:
        runner.run(block)


# ---------------------------------------------------------------- the runner itself


def run(tmp_path: Path, kind: str, text: str) -> None:
    Runner(tmp_path / "page.md", tmp_path, lambda: "", tmp_path).run(Block(kind, "", text, 1))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("python", "print(1 + 1)  # 3\n"),
        ("python", "nobody\n"),
        ("json", "{"),
        ("console", "$ constrained check missing.json\n"),
        ("console", "$ constrained serve --no-such-flag\n"),
        ("console", "$ constrained formats\nsomething else\n"),
        ("console", "$ make nothing\n"),
        ("console", "$ pip install 'constrained-mlx[nothing]'\n"),
        ("console", "$ rm -rf .\n"),
        ("fortran", "END\n"),
    ],
)
def test_a_block_that_does_not_hold_fails(tmp_path, kind, text):
    with pytest.raises((AssertionError, NameError, ValueError)):
        run(tmp_path, kind, text)


def test_blocks_of_a_page_follow_one_another(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        '<!-- setup\nx = 1\n-->\n\n* a list\n\n  ```python\n  x += 1\n  ```\n\n```json title="f"\n[1]\n```\n'
    )
    found = list(blocks(page))
    assert [(block.kind, block.line) for block in found] == [("setup", 2), ("python", 8), ("json", 12)]
    runner = Runner(page, tmp_path, lambda: "", tmp_path)
    for block in found:
        runner.run(block)
    assert runner.names["x"] == 2
    assert (tmp_path / "f").read_text() == "[1]\n"

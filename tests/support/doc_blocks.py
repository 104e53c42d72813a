"""Code blocks of Markdown pages, run the way a reader would: from top to bottom, in one place.

    ```json title="city.json"         a block with a title is a file in the page's directory
    ```python                         runs after the blocks before it; `print(x)  # text` is compared with `text`
    ```console                        lines after `$ ` are commands (see `Shell`)
    <!-- setup ... -->                Python that a page takes for granted, run where it stands

A kind of block or a command that nobody knows here is an error, so that nothing goes unchecked.
"""

import ast
import contextlib
import io
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from lark import Lark
from packaging.requirements import Requirement

from server import cli
from server.settings import read_settings
from tests.support.shared_data import CHECKOUT

ADDRESS = "localhost:52415"  # what pages call a server that is running
UNCHECKED = {"", "text", "mermaid"}  # pictures, outputs, notation of our own

_FENCE = re.compile(r"^( *)```(\w*)(.*)$")
_SETUP = re.compile(r"^<!-- setup$")


@dataclass(frozen=True, slots=True)
class Block:
    """Some lines of a page; `line` is that of the first."""

    kind: str
    title: str
    text: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    """The code blocks and setups of a page, in order."""
    lines = iter(enumerate(page.read_text().splitlines(), 1))
    for number, line in lines:
        if _SETUP.match(line):
            yield Block("setup", "", _until(lines, "-->"), number + 1)
        elif fence := _FENCE.match(line):
            indent, kind, more = fence.groups()
            title = re.search(r'title="([^"]*)"', more)
            text = "\n".join(inner[len(indent) :] for inner in _until(lines, f"{indent}```").split("\n"))
            yield Block(kind, title[1] if title else "", text + "\n", number + 1)


def _until(lines: Iterator[tuple[int, str]], end: str) -> str:
    found: list[str] = []
    for _, line in lines:
        if line == end:
            return "\n".join(found)
        found.append(line)
    raise AssertionError(f"a block without its end {end!r}")


@dataclass(slots=True)
class Runner:
    """Runs the blocks of one page in `directory`.

    server  asks for host and port of a server, started when first needed
    model   what commands use that name none: what they do is checked here, not what a good model says
    """

    page: Path
    directory: Path
    server: Callable[[], str]
    model: Path
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "page"})

    def run(self, block: Block) -> None:
        """Run a block; an exception names the page's line."""
        if block.title:
            (self.directory / block.title).write_text(block.text)
        match block.kind:
            case "python" | "setup":
                self._python(block)
            case "console":
                Shell(self).run(block)
            case "json":
                json.loads(block.text)
            case "toml":
                tomllib.loads(block.text)
            case "yaml":
                yaml.safe_load(block.text)
            case "lark":
                Lark(block.text)
            case _:
                assert block.kind in UNCHECKED, f"{self.page}:{block.line}: nobody checks {block.kind!r} blocks"

    def local(self, text: str) -> str:
        """With the address of the server that runs."""
        return text.replace(ADDRESS, self.server()) if ADDRESS in text else text

    def _python(self, block: Block) -> None:
        source = self.local(block.text)
        tree = ast.parse("\n" * (block.line - 1) + source)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(tree, str(self.page), "exec"), self.names)
        expected = _expected(source)
        if expected:
            assert printed.getvalue().splitlines() == expected, f"{self.page}:{block.line}"


def _expected(source: str) -> list[str]:
    """What the comments behind `print(...)` say, if all of them say something."""
    prints = re.findall(r"^print\(.*?\)(?:  # (.*))?$", source, re.MULTILINE)
    return prints if prints and all(prints) and len(prints) == source.count("print(") else []


class Shell:
    """Commands in console blocks.

    constrained  runs; output lines that follow it are compared, with `...` for any lines
    serve, mlx.launch  only the flags are read
    curl         runs against the page's server
    make, pip    the target, and the extra, must be there
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def run(self, block: Block) -> None:
        """Run what stands after each prompt."""
        text = block.text.replace("\\\n", "")
        for entry in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, words, output = _command(entry)
            try:
                self._run(words, output)
            except (AssertionError, SystemExit) as error:
                raise AssertionError(f"{self._runner.page}:{block.line}: {command}: {error}") from error

    def _run(self, words: list[str], output: list[str]) -> None:
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            words = words[1:]
        match words:
            case ["constrained", "serve", *flags]:
                read_settings(vars(cli._parser().parse_args(["serve", *flags])), {})
            case ["constrained", *arguments]:
                self._constrained(arguments, output)
            case ["mlx.launch", *_]:
                cli._parser().parse_args(words[words.index("--") + 2 :])
            case ["curl", *arguments]:
                self._curl(arguments)
            case ["make", target, *_]:
                assert re.search(rf"^{target}:", (CHECKOUT / "Makefile").read_text(), re.MULTILINE), "no such target"
            case ["pip", "install", *wanted]:
                self._pip(wanted)
            case ["jupyter", ("notebook" | "lab"), *paths]:
                assert all((CHECKOUT / path).exists() for path in paths)
            case ["cd" | "git" | "export", *_]:
                pass
            case _:
                raise AssertionError("a command that nobody checks")

    def _constrained(self, arguments: list[str], output: list[str]) -> None:
        if arguments[0] in ("demo", "call", "generate", "inspect") and "--model" not in arguments:
            arguments = [*arguments, "--model", str(self._runner.model)]
        printed, refused = io.StringIO(), any(line.startswith("constrained: ") for line in output)
        errors = printed if refused else io.StringIO()
        with (
            contextlib.chdir(self._runner.directory),
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(errors),
        ):
            code = cli.main(arguments)
        said = [line.rstrip() for line in printed.getvalue().splitlines() if line.strip()]
        assert code == (1 if refused else 0), said
        assert _matches(said, output), f"it says {said}"

    def _curl(self, arguments: list[str]) -> None:
        arguments = [self._runner.local(word) for word in arguments]
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--fail-with-body", *arguments],
            cwd=self._runner.directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _pip(self, wanted: list[str]) -> None:
        extras = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        for one in wanted:
            if not one.startswith("-"):
                requirement = Requirement(one)
                assert requirement.name != "constrained-mlx" or requirement.extras <= set(extras), one


def _command(entry: str) -> tuple[str, list[str], list[str]]:
    """A command, which goes on while a quote is open; its words, and the lines after it."""
    lines = entry.splitlines()
    for count in range(1, len(lines) + 1):
        command = "\n".join(lines[:count])
        with contextlib.suppress(ValueError):
            return command, shlex.split(command, comments=True), [line for line in lines[count:] if line]
    raise AssertionError(f"a quote without its end: {entry}")


def _matches(said: list[str], expected: list[str]) -> bool:
    """Line by line; a line `...` stands for any lines, also for none."""
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == "..." else re.escape(line.rstrip() + "\n") for line in expected)
    return not expected or re.fullmatch(pattern, "".join(line + "\n" for line in said)) is not None

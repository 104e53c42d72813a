"""What a command is given, and what it says: files, the form of the text to generate, one line at a time.

A file that is not there is the command line's fault (`CommandError`, exit code 2), one with the wrong
content the input's (`GrammarError`, exit code 1).
"""

import argparse
import json
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from constrained.errors import GrammarError, InvalidGrammar

if TYPE_CHECKING:
    from constrained import CompiledGrammar, Vocabulary

UNEXPLAINED = 1.5  # seconds of silence on a terminal


class CommandError(Exception):
    """The command line asks for something that is not there."""


def say(line: str) -> None:
    """Progress and errors go to stderr."""
    print(f"constrained: {line}", file=sys.stderr)


def load_kernels(report: Callable[[str], None]) -> None:
    """Have the engine's kernels ready, and say so where that takes long: the first command compiles them."""
    from constrained import warm_up

    told = threading.Timer(UNEXPLAINED, report, ["compiling the engine's kernels: once on a machine, about a minute"])
    told.daemon = True
    told.start()
    try:
        warm_up()
    finally:
        told.cancel()


def to_json(value: object) -> str:
    """A document, for people."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def text(value: str) -> str:
    """An argument that is text. Raises ArgumentTypeError for one that cannot be encoded."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("not valid UTF-8") from None
    return value


def read_text(path: Path) -> str:
    """The text in a file; CommandError if it cannot be opened, GrammarError if it is not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidGrammar("not UTF-8", where=f"{path}: byte {error.start}") from error


def read_json(path: Path) -> Any:
    """The JSON document in a file; CommandError if it cannot be opened, GrammarError if it is not JSON."""
    from grammars.json_schema.json_input import from_text

    content = read_text(path)
    try:
        return from_text(content, max_bytes=len(content.encode()))
    except GrammarError as error:
        raise type(error)(error.message, where=f"{path}: {error.where}", hint=error.hint) from error


def add_verb(
    verbs: Any, name: str, says: str, parents: Sequence[argparse.ArgumentParser] = ()
) -> argparse.ArgumentParser:
    """A verb of the command line, with what it does in the list of verbs and in its own help."""
    return verbs.add_parser(name, parents=parents, help=says, description=f"{says[0].upper()}{says[1:]}.")


def add_forms(form: Any) -> None:
    """The ways to say what text is wanted, for an exclusive group of arguments."""
    form.add_argument("--schema", type=Path, metavar="FILE", help="JSON that satisfies this JSON Schema")
    form.add_argument("--regex", type=text, help="text that this regular expression matches as a whole")
    form.add_argument("--lark", type=Path, metavar="FILE", help="text of this Lark grammar")
    form.add_argument("--choice", type=text, nargs="+", metavar="TEXT", help="one of these texts")


class Form:
    """The text that is wanted: read from the options at once, compiled when there is a vocabulary."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._schema: Any = read_json(options.schema) if options.schema else None
        self._rules = read_text(options.lark) if options.lark else None

    def compile(self, vocabulary: "Vocabulary") -> "CompiledGrammar":
        """The grammar. Raises GrammarError."""
        from grammars import compile_choice, compile_json_schema, compile_lark, compile_regex

        if self._options.regex is not None:
            return compile_regex(self._options.regex, vocabulary)
        if self._options.choice:
            return compile_choice(self._options.choice, vocabulary)
        if self._rules is not None:
            return compile_lark(self._rules, vocabulary)
        return compile_json_schema(self._schema, vocabulary)

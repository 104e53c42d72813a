"""`constrained formats`: the families' formats, and which of them a model's is.

$ constrained formats                      one line each: name, models, a call
$ constrained formats --model NAME         what was found, by what, and what follows for prompts
"""

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any, cast

from server.inputs import add_verb

if TYPE_CHECKING:
    from mlx_lm.tokenizer_utils import TokenizerWrapper

    from grammars.tools.formats import ToolFormat


def add_formats(verbs: Any) -> None:
    """Add the verb to a parser's `verbs`."""
    formats = add_verb(verbs, "formats", "list the formats of tool calls, or say which one a model writes")
    formats.add_argument(
        "--model",
        nargs="?",
        const="",
        metavar="NAME",
        help="an mlx-lm directory or a hub name, or nothing for the packaged model; only its tokenizer is loaded",
    )
    formats.add_argument("--json", action="store_true", help="print one JSON document")
    formats.set_defaults(run=run_formats)


def named_format(name: str | None) -> "ToolFormat | None":
    """The format called `name`. Raises InvalidGrammar, with a list, if there is none."""
    from constrained.errors import InvalidGrammar
    from grammars.tools.tables import FORMATS

    if name is not None and name not in FORMATS:
        raise InvalidGrammar(f"unknown tool format {name!r}", hint=f"one of {', '.join(FORMATS)}")
    return None if name is None else FORMATS[name]


def run_formats(options: argparse.Namespace) -> int:
    """List formats, or describe a model's."""
    if options.model is None:
        rows = listed()
        print(_json(rows) if options.json else _table([list(row.values()) for row in rows]))
        return 0

    from constrained.runtime import load_tokenizer

    tokenizer = load_tokenizer(
        options.model or None, report=lambda line: print(f"constrained: {line}", file=sys.stderr)
    )
    found = described(tokenizer)
    print(_json(found) if options.json else _table([[key, _shown(value)] for key, value in found.items()]))
    return 0


def listed() -> list[dict[str, str]]:
    """Every format: its name, the models that write it, a call."""
    from grammars.tools.catalogue import MODELS
    from grammars.tools.prompting import example
    from grammars.tools.tables import FORMATS

    return [{"name": name, "models": MODELS[name], "call": example(family)} for name, family in FORMATS.items()]


def described(tokenizer: "TokenizerWrapper") -> dict[str, Any]:
    """What was found out about a model from its tokenizer and chat template."""
    from constrained import Vocabulary
    from grammars.tools.conventions import learn
    from grammars.tools.detection import detect
    from grammars.tools.markers import marks_of
    from grammars.tools.prompting import example
    from grammars.tools.reasoning import reasoning_format
    from server.tool_call import renderer

    found = detect(tokenizer)
    family, vocabulary = found.format, Vocabulary.from_tokenizer(tokenizer)
    names = {token: name for name, token in vocabulary.control.items()}
    call = example(family)
    tokens = dict.fromkeys(piece for piece in marks_of(vocabulary).pieces(call) if isinstance(piece, int))
    _, thoughts = reasoning_format(family, vocabulary, None)
    wishes = learn(renderer(tokenizer))
    return {
        "format": family.name,
        "because": found.reason,
        "mlx_lm_parser": cast("dict[str, Any]", tokenizer.init_kwargs).get("tool_parser_type"),
        "call": call,
        "tokens": {names[token]: token for token in tokens},
        "reasoning": None if thoughts is None else [thoughts.opens, thoughts.closes],
        "tools_shown_by": "chat template" if wishes.shows_tools and not family.instructions else "system prompt",
        "calls_per_message": "one" if wishes.one_call else "several",
        "arguments_in_history": wishes.arguments if wishes.writes_calls else "as the model writes them",
    }


def _shown(value: object) -> str:
    match value:
        case None:
            return "-"
        case dict():
            return "  ".join(f"{name} {token}" for name, token in cast("dict[str, int]", value).items()) or "-"
        case list():
            return "  ".join(cast("list[str]", value))
        case _:
            return str(value)


def _table(rows: list[list[str]]) -> str:
    """Columns, with line breaks made visible."""
    rows = [[cell.replace("\n", "⏎") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)

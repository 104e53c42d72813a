"""`constrained inspect`: a generation in the terminal, and what the grammar did to it.

    {"city": "Paris"}            each token in the colour of its origin
    11 get   weather   7  97.6%  weather 49.6% ✗  ...  get 2.1% → 87.4%      where the mask changed the choice

Colours are the terminal's own, and each origin has a style besides (bold, underlined, dim), so it can be
told without them. What is not a terminal gets the same text without any.
"""

import argparse
from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from constrained.notebook import labels
from constrained.notebook.style import WORDS
from constrained.observation import Alternative, Origin
from constrained.ranks.place import place_from
from server.inputs import CommandError, Form, load_kernels, read_json, say, to_json

if TYPE_CHECKING:
    from constrained import CompiledGrammar, Vocabulary
    from constrained.runtime import GeneratedToken, Generation, LoadedModel, Prompt

PIPED = 240  # columns of a row where there is no terminal to fit

STYLES = {
    Origin.SAMPLED: "blue",
    Origin.CHANGED: "bold yellow reverse",
    Origin.FORCED: "dim",
    Origin.STEERED: "bold magenta underline",
}


def run_inspect(options: argparse.Namespace) -> int:
    """Generate while looking, and show what was seen."""
    from constrained.runtime import generate, load_model

    if place_from() is not None:
        raise CommandError("inspect looks at one process; it does not run under mlx.launch")
    tools = read_json(options.tools) if options.tools else None
    form = Form(options) if tools is None else None
    load_kernels(say)
    loaded = load_model(options.model, report=say)
    prompt, grammar = _question(options.prompt, tools, form, loaded)
    say(f"reading a prompt of {len(prompt)} tokens, then generating")
    made = generate(
        *loaded,
        prompt,
        grammar,
        max_tokens=options.max_tokens,
        temperature=options.temperature,
        top_p=options.top_p,
        seed=options.seed,
        observe=options.alternatives,
    )
    if options.json:
        print(to_json(as_json(made)))
    else:
        console = Console(highlight=False, soft_wrap=True)
        if not console.is_terminal:
            console.width = PIPED
        console.print(*as_text(made, options.all), sep="\n")
    return 0


def _question(prompt: str, tools: object, form: Form | None, loaded: "LoadedModel") -> "tuple[Prompt, CompiledGrammar]":
    from constrained.runtime import chat_ids, vocabulary_of
    from grammars.tools.detection import detect_format
    from server import tool_call

    if form is None:
        return tool_call.prepare(prompt, tools, loaded, detect_format(loaded.tokenizer))
    grammar = form.compile(vocabulary_of(*loaded))
    return chat_ids(loaded.tokenizer, [{"role": "user", "content": prompt}]), grammar


# ---------------------------------------------------------------- for people


def as_text(made: "Generation", everything: bool) -> list[Text | Table | str]:
    """The coloured text, a count of origins, and a table of the tokens that the model did not want."""
    counts = Counter(token.origin for token in made.tokens)
    legend = Text(f"{len(made.tokens)} tokens")
    for origin in Origin:
        if counts[origin]:
            legend.append("   ").append(f"{counts[origin]} {WORDS[origin]}", STYLES[origin])
    shown = [
        (step, token)
        for step, token in enumerate(made.tokens, 1)
        if everything or token.origin in (Origin.CHANGED, Origin.STEERED)
    ]
    parts: list[Text | Table | str] = ["", _coloured(made), "", legend]
    if shown:
        parts += ["", _table(shown, made)]
    return parts


def _coloured(made: "Generation") -> Text:
    """The text; a character that is cut into tokens has the colour of the one that completes it."""
    shown, held = Text(), b""
    for token in made.tokens:
        held += token.text
        try:
            piece, held = held.decode(), b""
        except UnicodeDecodeError as error:
            piece, held = held[: error.start].decode(), held[error.start :]
            if len(held) > 3:
                piece, held = piece + held.decode("utf-8", "backslashreplace"), b""
        if not token.text and made.vocabulary is not None:
            piece = labels.of_token(made.vocabulary, token.id)
        shown.append(piece, STYLES[token.origin])
    return shown


def _table(shown: "list[tuple[int, GeneratedToken]]", made: "Generation") -> Table:
    vocabulary = made.vocabulary
    assert vocabulary is not None
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("", "token", "", "allowed", "removed", "instead of", "before the mask → after"):
        table.add_column(name, justify="right" if name in ("allowed", "removed") else "left")
    for step, token in shown:
        seen = token.observation
        table.add_row(
            str(step),
            Text().append(labels.of_token(vocabulary, token.id), STYLES[token.origin]),
            token.origin,
            f"{round((1 - token.removed) * vocabulary.size):,}",
            "" if seen is None else f"{1 - seen.kept:.1%}",
            "" if seen is None or seen.wanted == token.id else labels.of_token(vocabulary, seen.wanted),
            Text() if seen is None else _alternatives(seen.alternatives, vocabulary),
        )
    return table


def _alternatives(alternatives: tuple[Alternative, ...], vocabulary: "Vocabulary") -> Text:
    shown = Text()
    for one in alternatives:
        name = labels.of_token(vocabulary, one.token)
        if one.after == 0:
            shown.append(f"{name} {one.before:.1%} ✗  ", "dim")
        else:
            shown.append(f"{name} {one.before:.1%} → {one.after:.1%}  ")
    return shown


# ---------------------------------------------------------------- for machines


def as_json(made: "Generation") -> dict[str, Any]:
    """Everything that was seen, one object a token."""
    return {
        "text": made.text,
        "finish_reason": made.finish_reason,
        "origins": dict(Counter(str(token.origin) for token in made.tokens)),
        "tokens": [_token(token, made.vocabulary) for token in made.tokens],
    }


def _token(token: "GeneratedToken", vocabulary: "Vocabulary | None") -> dict[str, Any]:
    seen = token.observation
    assert vocabulary is not None
    shown: dict[str, Any] = {
        "id": token.id,
        "text": token.text.decode("utf-8", "replace"),
        "origin": str(token.origin),
        "allowed": round((1 - token.removed) * vocabulary.size),
    }
    if seen is not None:
        shown |= {
            "kept": round(seen.kept, 6),
            "wanted": labels.of_token(vocabulary, seen.wanted),
            "alternatives": [
                {
                    "token": labels.of_token(vocabulary, one.token),
                    "before": round(one.before, 6),
                    "after": round(one.after, 6),
                }
                for one in seen.alternatives
            ],
        }
    return shown

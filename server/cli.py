"""The command line: `constrained <verb>`.

Data goes to stdout, progress and errors to stderr. Exit codes: 0 fine, 1 the input's fault (a schema that
is refused, a model that cannot be loaded), 2 the command line's (an option, a file that is not there),
130 interrupted.
"""

import argparse
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import constrained
from constrained.errors import BudgetTooSmall, ConstrainedError, GrammarError
from constrained.native import finder
from constrained.ranks.place import place_from
from server.formats import add_formats, named_format
from server.inputs import (
    CommandError,
    Form,
    add_forms,
    add_verb,
    load_kernels,
    read_json,
    read_text,
    say,
    text,
    to_json,
)
from server.settings import add_flags, read_settings

if TYPE_CHECKING:
    from constrained.runtime import Generation, LoadedModel, Prompt

_WIDEST = 60  # characters of a column; what is longer moves its own line only
INTERRUPTED, BROKEN_PIPE = 130, 141  # as a shell names a process that SIGINT or SIGPIPE ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        reconfigure(encoding="utf-8")  # data is UTF-8, whatever the terminal's locale says
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        print(end="", flush=True)
        if ranks := getattr(options, "ranks", None):
            ranks.close()
    except BudgetTooSmall as error:
        say(f"--max-tokens {error.budget}: no complete answer is that short; {error.minimum} tokens are enough")
        return 2
    except (ConstrainedError, CommandError) as error:
        say(str(error))
        if ranks := getattr(options, "ranks", None):
            ranks.channel.stop(str(error))
        return 2 if isinstance(error, CommandError) else 1
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except OSError as error:
        # Nobody reads on, or the disk is full. Python flushes stdout once more at exit, which must go somewhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return BROKEN_PIPE
        say(f"cannot write the answer: {error.strerror}")
        return 1
    return code


# ---------------------------------------------------------------- options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="constrained", description="Tool calls and structured output that are valid by construction."
    )
    version = f"constrained-mlx {constrained.__version__} (engine {finder.engine().kind})"
    parser.add_argument("--version", action="version", version=version)
    verbs = parser.add_subparsers(required=True, metavar="command")
    generation = _generation_options()

    demo = add_verb(verbs, "demo", "a real model calls one of two tools", [generation])
    demo.add_argument("--json", action="store_true", help="print one JSON object")
    demo.set_defaults(run=run_demo, format=None)

    call = add_verb(verbs, "call", "answer a question with a call of one of your tools", [generation])
    call.add_argument("question", type=text)
    call.add_argument("--tools", required=True, type=Path, metavar="FILE", help="a JSON list of OpenAI tools")
    call.add_argument("--format", metavar="NAME", help="how calls are written; default: as the model was trained")
    call.set_defaults(run=run_call)

    generate = add_verb(verbs, "generate", "generate text of a given form", [generation])
    generate.add_argument("prompt", type=text)
    form = generate.add_mutually_exclusive_group(required=True)
    add_forms(form)
    generate.set_defaults(run=run_generate)

    _add_inspect(verbs, generation)

    serve = add_verb(verbs, "serve", "an HTTP server for OpenAI's and Anthropic's clients")
    add_flags(serve)
    serve.set_defaults(run=run_serve)

    check = add_verb(verbs, "check", "say what of a JSON Schema is enforced, or why it is refused")
    check.add_argument("schema", type=Path, metavar="FILE", help="a JSON Schema, or a Lark grammar (*.lark)")
    check.add_argument("--tokenizer", type=Path, metavar="FILE", help="a tokenizer.json; default: bytes are the tokens")
    check.add_argument("--json", action="store_true", help="print one JSON object")
    check.set_defaults(run=run_check)
    add_formats(verbs)
    return parser


def _add_inspect(verbs: Any, generation: argparse.ArgumentParser) -> None:
    inspect = add_verb(verbs, "inspect", "generate, and show what the grammar did to it", [generation])
    inspect.add_argument("prompt", type=text)
    form = inspect.add_mutually_exclusive_group(required=True)
    form.add_argument("--tools", type=Path, metavar="FILE", help="a call of one of these OpenAI tools")
    add_forms(form)
    inspect.add_argument(
        "--alternatives", type=_positive, default=5, metavar="N", help="likeliest tokens shown, default: 5"
    )
    inspect.add_argument("--all", action="store_true", help="a row for every token, not only where the mask mattered")
    inspect.add_argument("--json", action="store_true", help="print one JSON object")
    inspect.set_defaults(run=run_inspect)


def _generation_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--model", type=text, help="an mlx-lm directory or a hub name; default: the packaged SmolLM2-135M-Instruct"
    )
    options.add_argument("--max-tokens", type=_positive, default=512, metavar="N", help="default: 512")
    options.add_argument("--temperature", type=_temperature, default=0.0, help="default: 0, the likeliest token")
    options.add_argument("--top-p", type=_probability, default=1.0, help="default: 1, all tokens")
    options.add_argument("--seed", type=int, help="equal seeds give equal answers")
    options.add_argument(
        "--sharding",
        choices=("pipeline", "tensor"),
        default="pipeline",
        help="under mlx.launch: every rank holds some layers (pipeline, the default) or a part of every layer (tensor)",
    )
    options.set_defaults(ranks=None)
    return options


def _positive(value: str) -> int:
    number = int(value)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {value}")
    return number


def _temperature(value: str) -> float:
    number = float(value)
    if not 0.0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number from 0 up, not {value}")
    return number


def _probability(value: str) -> float:
    number = float(value)
    if not 0.0 < number <= 1.0:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most 1, not {value}")
    return number


# ---------------------------------------------------------------- verbs


def run_demo(options: argparse.Namespace) -> int:
    """A question, two tools, the call, and what the grammar did to get it."""
    from constrained.runtime import vocabulary_of
    from server import demo

    loaded = _load(options)
    started = time.perf_counter()
    message, made = _call(options, loaded, demo.TOOLS, demo.QUESTION)
    shown = demo.QUESTION, message, made.tokens, vocabulary_of(*loaded).size, time.perf_counter() - started
    print(to_json(demo.as_json(*shown)) if options.json else demo.as_text(*shown))
    return 0


def run_call(options: argparse.Namespace) -> int:
    """A question, the user's tools, the call as OpenAI's assistant message."""
    from grammars.tools.definitions import read_tools

    tools = read_json(options.tools)
    read_tools(tools)  # what is wrong with them, or the format, is said before a model is loaded
    named_format(options.format)
    message, _ = _call(options, _load(options), tools, options.question)
    print(to_json(message))
    return 0


def run_generate(options: argparse.Namespace) -> int:
    """A prompt, and text of the form that a schema, a regex, a grammar or a choice gives."""
    from constrained.runtime import chat_ids, vocabulary_of

    form = Form(options)
    loaded = _load(options)
    grammar = form.compile(vocabulary_of(*loaded))
    prompt = chat_ids(loaded.tokenizer, [{"role": "user", "content": options.prompt}])
    made = _generate(options, loaded, prompt, grammar)
    print(made.text)
    return 0


def run_inspect(options: argparse.Namespace) -> int:
    """The same in the terminal's colours, with what the model wanted."""
    from server import inspection

    return inspection.run_inspect(options)


def run_serve(options: argparse.Namespace) -> int:
    """Serve a model over HTTP until told to stop."""
    try:
        settings = read_settings(vars(options), os.environ)
    except ValueError as error:
        raise CommandError(str(error)) from error
    try:
        from server.serve import serve
    except ModuleNotFoundError as error:
        raise CommandError(f"the server needs {error.name}: pip install 'constrained-mlx[server]'") from error
    try:
        code = serve(settings, say)
    except OSError as error:
        raise CommandError(f"cannot listen at {settings.host}:{settings.port}: {error.strerror}") from error
    # Everything is closed, but worker threads may be busy with grammars that nobody waits for any more. The
    # interpreter would wait for them, and whoever sent SIGTERM would not.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def run_check(options: argparse.Namespace) -> int:
    """Compile a schema or a Lark grammar, for a tokenizer or for single bytes: that needs no model."""
    from grammars import compile_json_schema, compile_lark
    from grammars.lark.report import control_tokens

    load_kernels(say)
    given = constrained.Vocabulary.from_tokenizer_file(options.tokenizer) if options.tokenizer else None
    try:
        if options.schema.suffix == ".lark":
            text = read_text(options.schema)
            grammar = compile_lark(text, given or _letters(*control_tokens(text)))
        else:
            grammar = compile_json_schema(read_json(options.schema), given or _letters())
    except GrammarError as error:
        if options.json:
            refusal = {"kind": type(error).__name__, "message": error.message, "where": error.where, "hint": error.hint}
            print(to_json({"compiles": False, "error": refusal}))
        raise
    entries = [_entry(finding) for finding in grammar.report]
    if options.json:
        print(to_json({"compiles": True, "report": entries}))
        return 0
    rows = [list(entry.values()) for entry in entries]
    widths = [min(max(map(len, column)), _WIDEST) for column in zip(*rows, strict=True)] if rows else []
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    counts = Counter(entry["verdict"] for entry in entries)
    print(f"{options.schema} compiles: {', '.join(f'{count} {verdict}' for verdict, count in counts.most_common())}")
    return 0


def _letters(names: Sequence[str] = (), size: int = 0) -> constrained.Vocabulary:
    """A vocabulary of single bytes, with these control tokens and at least so many tokens."""
    letters = [bytes([b]) for b in range(256)]
    unused = [None] * max(1 + len(names), size)
    control = {name: 257 + place for place, name in enumerate(names)}
    return constrained.Vocabulary.from_spellings([*letters, *unused], eos_token_ids=[256], control=control)


def _entry(finding: Any) -> dict[str, str]:
    """One line of a grammar's report: what became of one keyword."""
    return {
        "where": finding.where,
        "keyword": finding.keyword,
        "verdict": finding.verdict.value,
        "note": finding.note,
    }


# ---------------------------------------------------------------- what verbs share


def _load(options: argparse.Namespace) -> "LoadedModel":
    from constrained.runtime import load_model

    load_kernels(say)
    if (place := place_from()) is None:
        return load_model(options.model, report=say)
    from server.sharded import Ranks

    options.ranks = Ranks(place, options.model, options.sharding, say)
    return options.ranks.loaded


def _generate(
    options: argparse.Namespace, loaded: "LoadedModel", prompt: "Prompt", grammar: constrained.CompiledGrammar
) -> "Generation":
    from constrained.runtime import generate

    say(f"reading a prompt of {len(prompt)} tokens, then generating")
    run = options.ranks.generate if options.ranks else partial(generate, *loaded)
    made: Generation = run(
        prompt,
        grammar,
        max_tokens=options.max_tokens,
        temperature=options.temperature,
        top_p=options.top_p,
        seed=options.seed,
    )
    return made


def _call(
    options: argparse.Namespace, loaded: "LoadedModel", tools: object, question: str
) -> "tuple[dict[str, Any], Generation]":
    from grammars.tools.detection import detect_format
    from server import tool_call
    from server.api.chat_reply import assistant_message
    from server.items import Items

    family = named_format(options.format) or detect_format(loaded.tokenizer)
    prompt, grammar = tool_call.prepare(question, tools, loaded, family)
    made = _generate(options, loaded, prompt, grammar)
    framer, items = grammar.framer(), Items()
    for event in [event for token in made.tokens for event in framer.feed_token(token.id)] + framer.finish():
        items.feed(event)
    return assistant_message(items), made


if __name__ == "__main__":
    sys.exit(main())

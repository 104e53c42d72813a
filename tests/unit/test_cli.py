"""The command line: what goes to stdout, what to stderr, and which exit code."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from lark import Lark

import constrained
from grammars.tools.tables import FORMATS
from server import cli, demo
from tests.runtime import tiny

WEATHER = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "minLength": 1, "maxLength": 8},
        "days": {"type": "integer", "minimum": 1, "maximum": 14},
    },
    "required": ["city", "days"],
    "additionalProperties": False,
}
LARK = b'start: call <|end|>\ncall: NAME "(" [NAME ("," NAME)*] ")"\nNAME: /[a-z]{1,3}/\nold: "x"\n'
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "Weather", "parameters": WEATHER}}]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model directory with random weights."""
    return str(tiny.write_model(tmp_path_factory.mktemp("model")))


@pytest.fixture
def written(tmp_path: Path):
    """Write a file and return its path."""

    def write(content: object, name: str = "input.json") -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return str(path)

    return write


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    try:
        code = cli.main(arguments)
    except SystemExit as left:  # argparse
        code = int(left.code or 0)
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


# ---------------------------------------------------------------- formats


def test_formats_lists_every_format_with_a_call(capsys):
    code, out, _ = run(capsys, "formats", "--json")
    assert code == 0
    listed = {row["name"]: row for row in json.loads(out)}
    assert listed.keys() == FORMATS.keys()
    assert listed["pythonic"]["call"] == "[function_name(argument='value')]"
    lines = run(capsys, "formats")[1].splitlines()
    assert len(lines) == len(FORMATS)
    assert any(line.startswith("hermes ") and '<tool_call>⏎{"name"' in line for line in lines)


def test_formats_says_what_a_model_writes_and_why(capsys, model):
    code, out, err = run(capsys, "formats", "--model", model, "--json")
    assert code == 0
    assert "loading" in err
    found = json.loads(out)
    assert (found["format"], found["tools_shown_by"], found["tokens"]) == ("generic", "system prompt", {})
    assert "neither" in found["because"]
    assert "because " in run(capsys, "formats", "--model", model)[1]
    assert run(capsys, "formats", "--model", "/nowhere")[0] == 1


def test_a_call_is_made_in_the_format_that_was_asked_for(capsys, model, written):
    arguments = ["call", "?", "--tools", written(TOOLS), "--model", model]
    code, out, _ = run(capsys, *arguments, "--format", "qwen3-coder")
    assert code == 0
    [call] = json.loads(out)["tool_calls"]
    jsonschema.validate(json.loads(call["function"]["arguments"]), WEATHER)
    code, out, err = run(capsys, *arguments, "--format", "nonsense")
    assert (code, out) == (1, "")
    assert "nonsense" in err
    assert "hermes" in err


# ---------------------------------------------------------------- generation


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_a_call_is_an_openai_message_whose_arguments_are_valid(capsys, model, written, seed):
    code, out, _ = run(
        capsys, "call", "Paris?", "--tools", written(TOOLS), "--model", model, "--temperature", "1.5", "--seed", seed
    )
    assert code == 0
    message = json.loads(out)
    [call] = message["tool_calls"]
    assert (message["role"], message["content"], call["type"]) == ("assistant", None, "function")
    assert call["id"]
    assert call["function"]["name"] == "get_weather"
    jsonschema.validate(json.loads(call["function"]["arguments"]), WEATHER)


def test_bare_functions_are_tools_too(capsys, model, written):
    code, out, _ = run(capsys, "call", "?", "--tools", written([TOOLS[0]["function"]]), "--model", model)
    assert code == 0
    assert json.loads(out)["tool_calls"][0]["function"]["name"] == "get_weather"


def test_generate_follows_a_schema(capsys, model, written):
    code, out, _ = run(capsys, "generate", "?", "--schema", written(WEATHER), "--model", model)
    assert code == 0
    jsonschema.validate(json.loads(out), WEATHER)


def test_generate_follows_a_lark_grammar(capsys, model, written):
    grammar = written(LARK.replace(b" <|end|>", b""), "call.lark")
    code, out, _ = run(capsys, "generate", "?", "--lark", grammar, "--model", model, "--max-tokens", "20")
    assert code == 0
    Lark(LARK.replace(b" <|end|>", b"").decode(), parser="lalr").parse(out.rstrip("\n"))


def test_generate_follows_a_regex(capsys, model):
    code, out, err = run(capsys, "generate", "?", "--regex", "[a-c]{3}-[0-9]", "--model", model)
    assert code == 0
    assert out.strip()[3] == "-"
    assert "loading" in err


def test_generate_chooses(capsys, model):
    code, out, _ = run(capsys, "generate", "?", "--choice", "yes", "no", "--model", model)
    assert code == 0
    assert out.strip() in {"yes", "no"}


def test_equal_seeds_give_equal_answers(capsys, model):
    said = [
        run(capsys, "generate", "?", "--regex", "[a-z]{12}", "--model", model, "--temperature", "1", "--seed", seed)[1]
        for seed in ("1", "1", "2")
    ]
    assert said[0] == said[1] != said[2]


@pytest.mark.parametrize("verb", ["generate", "inspect"])
def test_a_text_is_never_cut(capsys, model, verb):
    code, out, err = run(capsys, verb, "?", "--regex", "[a-z]{12,99}", "--model", model, "--max-tokens", "12")
    assert (code, out) == (2, "")
    assert "--max-tokens 12: no complete answer is that short; 13 tokens are enough" in err
    code, out, err = run(capsys, verb, "?", "--regex", "[a-z]{12,99}", "--model", model, "--max-tokens", "13")
    assert code == 0
    assert re.search(r"\b[a-z]{12}\b", out)


def test_the_demo_shows_the_call_and_what_was_forced(capsys, model):
    code, out, _ = run(capsys, "demo", "--model", model, "--temperature", "1", "--seed", "5")
    assert code == 0
    assert demo.QUESTION in out
    assert '"tool_calls"' in out
    assert "forced" in out


def test_the_demo_speaks_json(capsys, model):
    code, out, _ = run(capsys, "demo", "--json", "--model", model, "--temperature", "1", "--seed", "5")
    assert code == 0
    shown = json.loads(out)
    [call] = shown["message"]["tool_calls"]
    tool = next(t["function"] for t in demo.TOOLS if t["function"]["name"] == call["function"]["name"])
    jsonschema.validate(json.loads(call["function"]["arguments"]), tool["parameters"])
    assert 0 < shown["forced_tokens"] < len(shown["tokens"])
    assert 0 < shown["removed_mean"] < 1


# ---------------------------------------------------------------- inspect


def test_inspect_shows_where_the_mask_changed_the_choice(capsys, model):
    code, out, _ = run(capsys, "inspect", "?", "--choice", "yes", "no", "--model", model, "--alternatives", "2")
    assert code == 0
    assert "\x1b" not in out  # not a terminal
    assert re.search(r"(yes|no)<\|im_end\|>\n\n[345] tokens", out)
    assert re.search(r"1 +[yn] +changed +2 .*\d% ✗ .*[yn] \d+\.\d% → \d+\.\d%", out)


def test_inspect_shows_every_token_if_asked(capsys, model):
    for flags, rows in (([], 1), (["--all"], 4)):
        _, out, _ = run(capsys, "inspect", "?", "--regex", "abc|xbc", "--model", model, *flags)
        assert len(re.findall(r"^\d +\S+ +(?:sampled|changed|forced) ", out, re.MULTILINE)) == rows


def test_inspect_speaks_json(capsys, model, written):
    tools = written(TOOLS)
    code, out, _ = run(capsys, "inspect", "?", "--tools", tools, "--model", model, "--temperature", "1", "--json")
    assert code == 0
    shown = json.loads(out)
    assert "get_weather" in shown["text"]
    assert sum(shown["origins"].values()) == len(shown["tokens"])
    for token in shown["tokens"]:
        assert (token["origin"] == "changed") <= (token["wanted"] != token["text"])
        if token["allowed"] == 1:
            assert token["origin"] == "forced"
        for one in token.get("alternatives", []):
            assert one["after"] == 0 or one["after"] >= one["before"]


@dataclasses.dataclass
class Token:
    text: bytes
    forced: bool
    id: int = 0
    removed: float = 0.5
    logprob: float = 0.0


def test_the_demo_marks_each_character_under_its_line():
    """A character that is cut into tokens has the mark of the token that completes it."""
    tokens = [
        Token(b"<a>\n", True),
        Token(b"caf\xc3", True),
        Token(b"\xa9", False),
        Token(b"!\n", False),
        Token(b"", True),
    ]
    shown = demo.as_text("?", {}, tokens, 100, 1.0)
    assert "  <a>\n  ...\n  café!\n  ...^^\n  \n" in shown
    assert "5 tokens in 1.0 s: 3 forced, 2 chosen. The masks removed 50.0% of 100 tokens" in shown


# ---------------------------------------------------------------- check


def test_check_says_what_is_enforced(capsys, written):
    code, out, _ = run(capsys, "check", written(WEATHER))
    assert code == 0
    assert ["#/properties/city", "maxLength", "enforced"] in [line.split() for line in out.splitlines()]
    assert out.endswith("compiles\n")


def test_check_speaks_json(capsys, written):
    code, out, _ = run(capsys, "check", "--json", written(WEATHER))
    assert code == 0
    shown = json.loads(out)
    assert shown["compiles"] is True
    assert {"where": "#", "keyword": "required", "verdict": "enforced", "note": ""} in shown["report"]


def test_check_says_what_is_refused_and_where(capsys, written):
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": r"(a+)-\1"}}}
    code, out, err = run(capsys, "check", written(schema))
    assert (code, out) == (1, "")
    assert "#/properties/a/pattern" in err


def test_check_says_in_json_what_is_refused(capsys, written):
    code, out, _ = run(capsys, "check", "--json", written({"type": "strin"}))
    assert code == 1
    refusal = json.loads(out)
    assert refusal["compiles"] is False
    assert refusal["error"]["where"] == "#/type"


def test_check_says_how_a_lark_grammar_is_read(capsys, written):
    code, out, _ = run(capsys, "check", written(LARK, "call.lark"))
    assert code == 0
    lines = [line.split()[:6] for line in out.splitlines()]
    assert lines[0] == ["line", "1,", "column", "1", "start", "greedy"]
    assert lines[1] == ["line", "4,", "column", "1", "old", "unused"]


def test_check_says_where_a_lark_grammar_is_wrong(capsys, written):
    code, out, err = run(capsys, "check", written(LARK.replace(b"{1,3}", b"(?=x)"), "call.lark"))
    assert (code, out) == (1, "")
    assert "line 3, column 1" in err


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"", "not JSON"),
        (b'{"a": NaN}', "not a JSON number"),
        (b"[" * 100_000, "deep"),
        (b"17", ""),
        (b'{"type": 17}', "#/type"),
    ],
    ids=["cut", "not utf-8", "empty", "nan", "deep", "no schema", "no type"],
)
@pytest.mark.parametrize(
    "verb",
    [["check"], ["generate", "?", "--schema"], ["call", "?", "--tools"], ["inspect", "?", "--tools"]],
    ids=lambda v: v[0],
)
def test_a_file_with_the_wrong_content_is_the_inputs_fault(capsys, model, written, verb, content, said):
    if "--tools" in verb and said == "#/type":
        said = "list"
    code, out, err = run(capsys, *verb, written(content), *(["--model", model] if verb[0] != "check" else []))
    assert (code, out) == (1, "")
    assert said in err


@pytest.mark.parametrize(
    ("tools", "where"),
    [
        ([], "no tool to call"),
        ({}, "tools: "),
        ([7], "tools[0]: "),
        ([{"type": "web_search", "function": {"name": "f"}}], "tools[0].type: "),
        ([{"type": "function", "function": {}}], "tools[0].function.name: "),
        ([{"name": "f"}, {"name": "f"}], "a second tool"),
        ([{"name": "f", "parameters": []}], "tools[0].parameters: "),
        ([{"function": {"name": "f", "parameters": {"properties": 3}}}], "tools[0].function.parameters#/properties: "),
    ],
    ids=str,
)
def test_wrong_tools_are_refused_with_their_place(capsys, model, written, tools, where):
    code, out, err = run(capsys, "call", "?", "--tools", written(tools), "--model", model)
    assert (code, out) == (1, "")
    assert where in err


@pytest.mark.parametrize("arguments", [["check"], ["generate", "?", "--schema"], ["call", "?", "--tools"]], ids=str)
@pytest.mark.parametrize("place", ["missing.json", "."])
def test_a_file_that_is_not_there_is_the_command_lines_fault(capsys, tmp_path, arguments, place):
    code, out, err = run(capsys, *arguments, str(tmp_path / place))
    assert (code, out) == (2, "")
    assert "cannot read" in err


def test_a_model_that_is_not_there_is_said_in_one_line(capsys, tmp_path):
    code, out, err = run(capsys, "generate", "?", "--regex", "a", "--model", str(tmp_path / "missing"))
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["call", "?"],
        ["generate", "?"],
        ["generate", "?", "--regex", "a", "--choice", "a"],
        ["generate", "?", "--regex", "a", "--max-tokens", "0"],
        ["generate", "?", "--regex", "a", "--temperature", "-1"],
        ["generate", "?", "--regex", "a", "--temperature", "nan"],
        ["generate", "?", "--regex", "a", "--top-p", "0"],
        ["generate", "?", "--regex", "a", "--seed", "x"],
        ["inspect", "?"],
        ["inspect", "?", "--regex", "a", "--alternatives", "0"],
        ["generate", os.fsdecode(b"\xff"), "--regex", "a"],
    ],
    ids=str,
)
def test_a_wrong_command_line_exits_with_2(capsys, arguments):
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert "usage: constrained" in err


def test_a_regex_that_is_none_is_the_inputs_fault(capsys, model):
    code, out, _ = run(capsys, "generate", "?", "--regex", "(", "--model", model)
    assert (code, out) == (1, "")


# ---------------------------------------------------------------- the process


def test_the_version_is_the_packages(capsys):
    assert run(capsys, "--version")[:2] == (0, f"constrained-mlx {constrained.__version__}\n")


def test_an_interrupt_is_one_line(capsys, monkeypatch, written):
    def interrupted(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "read_json", interrupted)
    code, out, err = run(capsys, "check", written(WEATHER))
    assert (code, out, err) == (130, "", "constrained: interrupted\n")


def test_a_reader_that_goes_away_is_no_error(written):
    command = [sys.executable, "-m", "server.cli", "check", written(WEATHER)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
    assert b"Traceback" not in errors
    assert process.returncode == cli.BROKEN_PIPE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line(written):
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "server.cli", "check", written(WEATHER)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


def test_output_is_utf8_whatever_the_locale(written):
    command = [sys.executable, "-m", "server.cli", "check", "--json", written({"enum": ["é"], "title": "é"})]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 0
    done.stdout.decode("utf-8")


def test_help_does_not_load_mlx():
    program = "import sys; from server import cli; cli._parser(); print('mlx.core' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"

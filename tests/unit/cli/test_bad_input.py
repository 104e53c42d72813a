"""Files, tools and command lines that are wrong: which exit code, and what is said on stderr."""

import os

import pytest

from tests.support.command_line import run


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

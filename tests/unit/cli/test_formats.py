"""`constrained formats`: what models write when they call tools."""

import json

from grammars.tools.tables import FORMATS
from tests.support.command_line import run


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

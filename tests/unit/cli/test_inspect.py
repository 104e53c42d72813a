"""`constrained inspect`: where the mask changed the choice."""

import json
import re

from tests.support.command_line import TOOLS, run


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

"""`constrained check`: what is enforced, and what is refused where."""

import json

from tests.support.command_line import LARK, WEATHER, run
from tests.support.tokenizers import tokenizer_path


def test_check_says_what_is_enforced(capsys, written):
    code, out, _ = run(capsys, "check", written(WEATHER))
    assert code == 0
    assert ["#/properties/city", "maxLength", "enforced"] in [line.split() for line in out.splitlines()]
    assert out.splitlines()[-1].split(" compiles: ")[1] == f"{len(out.splitlines()) - 1} enforced"


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


def test_check_counts_tokens_as_the_tokenizer_does(capsys, written):
    grammar = written(b'start: "<" t ">"\nt[max_tokens=2]: /hello world/', "limited.lark")
    code, out, err = run(capsys, "check", grammar)
    assert (code, out) == (1, "")
    assert "line 2, column 1" in err
    assert "at least max_tokens=11" in err  # bytes
    code, out, err = run(capsys, "check", grammar, "--tokenizer", str(tokenizer_path("qwen3")))
    assert (code, out) == (1, "")
    needed = int(err.partition("at least max_tokens=")[2].split()[0].rstrip(";.)"))
    assert needed < 11
    enough = written(f'start: "<" t ">"\nt[max_tokens={needed}]: /hello world/'.encode(), "limited.lark")
    assert run(capsys, "check", enough, "--tokenizer", str(tokenizer_path("qwen3")))[0] == 0


def test_check_says_that_a_tokenizer_is_none(capsys, written):
    code, out, err = run(capsys, "check", written(WEATHER), "--tokenizer", written(b"{}", "tokenizer.json"))
    assert (code, out) == (1, "")
    assert "tokenizer.json" in err

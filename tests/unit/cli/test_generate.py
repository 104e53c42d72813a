"""`constrained generate`: the text follows the grammar, whole."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
from lark import Lark

from tests.support.command_line import LARK, WEATHER, run


def test_generate_follows_a_schema(capsys, model, written):
    code, out, _ = run(capsys, "generate", "?", "--schema", written(WEATHER), "--model", model)
    assert code == 0
    jsonschema.validate(json.loads(out), WEATHER)


def test_generate_follows_a_lark_grammar(capsys, model, written):
    grammar = written(LARK.replace(b" <|end|>", b""), "call.lark")
    code, out, _ = run(capsys, "generate", "?", "--lark", grammar, "--model", model, "--max-tokens", "20")
    assert code == 0
    Lark(LARK.replace(b" <|end|>", b"").decode(), parser="lalr").parse(out.rstrip("\n"))


def test_generate_keeps_to_the_token_limit_of_a_rule(capsys, model, written):
    grammar = written(b'start: "<" t ">"\nt[max_tokens=4]: /[a-z ]+/', "limited.lark")
    sampled = ("--temperature", "1", "--seed", "3", "--max-tokens", "60")
    code, out, _ = run(capsys, "generate", "?", "--lark", grammar, "--model", model, *sampled)
    assert code == 0
    assert re.fullmatch("<[a-z ]+>", out.strip())
    vocabulary = json.loads(Path(model, "tokenizer.json").read_text())["model"]["vocab"]
    longest = max(len(letters) for token in vocabulary if "|" not in token for letters in re.findall("[a-z ]+", token))
    assert len(out.strip()) <= 2 + 4 * longest
    without = run(capsys, "generate", "?", "--regex", "<[a-z ]+>", "--model", model, *sampled)[1]
    assert len(without.strip()) > 2 + 4 * longest


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

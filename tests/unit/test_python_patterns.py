"""Patterns in Python's dialect match what our automata of ECMA-262 match."""

import re

import pytest

from constrained.automata.ecma import pattern_dfa
from tests.fuzz.judge import Judge
from tests.support.python_patterns import in_python

PATTERNS = ("a$", "^.$", "[.$]", r"\.\$", r"^\d$", r"^\w+$", r"^\s$", r"^[\s\d]$", r"^\D\W\S$", "^(?!a$)", "a.b")
TEXTS = (
    "a",
    "a\n",
    "\n",
    "\r",
    "\u2028",
    "\u2029",
    "é",
    ".",
    "$",
    ".$",
    "٣",
    "3",
    "\ufeff",
    "xyz",
    "a\nb",
    "a\u2029b",
    "",
)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_both_dialects_say_the_same(pattern: str):
    dfa = pattern_dfa(pattern)
    for text in TEXTS:
        assert bool(re.search(in_python(pattern), text)) == dfa.accepts(text.encode()), text


def test_the_judge_reads_patterns_as_ecma_does():
    """A key of two characters, the second of which is U+2029, was called valid: a dot is all but line breaks."""
    for unevaluated in ({}, {"unevaluatedProperties": True}):
        judge = Judge({"patternProperties": {"^.{2}$": False, "b$": False}, **unevaluated}, formats=False)
        assert judge.accepts('{"a\u2029": 1}')
        assert judge.accepts('{"bbb\\n": 1}')
        assert not judge.accepts('{"ab": 1}')

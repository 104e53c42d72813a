"""The judge is a real ECMA-262 engine: Node.js, where it is installed.

Texts are drawn from the automaton (random accepted ones) and bent a little, so that both answers are
common. Node reads a pattern with the `u` flag, or without it where the `u` flag is too strict.
"""

import gzip
import json
import random
import shutil
import subprocess
from collections.abc import Iterator

import numpy as np
import pytest

from constrained.automata.algebra import shortest
from constrained.automata.dfa import REFUSES, START, Dfa, Row
from constrained.automata.ecma import pattern_dfa
from tests.support.shared_data import shared

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="Node.js is not installed")

# One line in: [pattern, flags, texts]. One line out: a verdict per text, null after 50 ms of backtracking.
SCRIPT = r"""
const vm = require('vm');
require('readline').createInterface({input: process.stdin}).on('line', line => {
  const [pattern, flags, texts] = JSON.parse(line);
  let expression;
  try { expression = new RegExp(pattern, flags + 'u'); } catch { expression = new RegExp(pattern, flags); }
  const script = new vm.Script('expression.test(text)'), context = vm.createContext({expression});
  console.log(JSON.stringify(texts.map(text => {
    context.text = text;
    try { return script.runInContext(context, {timeout: 50}); } catch { return null; }
  })));
});
"""
STRANGE = 'aZ09_- \n\r\t.é\u2028\u00a0🐲ſ\u212a"\\/{}[]^$'

HARD = r"""
^(?!foo)(?=.*bar).{3,}$        ^(?=.*[A-Z])(?=.*\d).{8,12}$      ^(?:(?!--)[a-z-])+$       ^(?:(?!foo).)*$
\bfoo\b                        \Boo\B                            ^\b|x\B                   (?<=^|,)[a-z]+(?=,|$)
(?<![a-z])cat(?![a-z])         (?<=\bfoo)\d                      (?<=(?<!x)a)b             a(?=b(?!c))
(?=(?=a)a|b)[ab]c              ^(a|^b|c$|$)*$                    (?:^|,)x(?:,|$)           $^
(?:a|^)(?:b|$)                 (?<=a+b*)c$                       (?<=a.{2,4})x             (?<=a$)
^[^]*$                         []                                ^\ud83d\udc32$            [\ud83d]
^\p{Lu}\P{Lu}$                 ^[\p{L}\d_-]+$                    \p{scx=Hira}              ^\s\S\w\W\d\D$
(?:\b[a-z]+\b\x20?){2,3}$      ^(?:a(?=b)|b(?=a|$))*$            ((?<=a)b|(?<=b)a|^.)+$    (?:^a?){2}b
(|a)+b                         (?=a){0}b                         (?<!\d)\d{3}(?!\d)        ^(?!$)
"""


# One pattern for each text of the group; see `back_references`.
REFERRING = r"""
(a|b)\1                            ^(?:(a)|b)\1$                     ^(?:(a)|(b))\1\2c$        ^(a)?\1b$
^(?:(a)|b)?\1$                     ^(?:(a|b)\1)+$                   ^((a|b)\2)\1$            ^(a|b|)(c|d)\2\1$
^\1(a)$                            ^(a\1)$                          ^(["'])(?:(?!\1).)*\1$   ^(?<q>['"])\w*\k<q>$
^([ab]{2})\1$                      ^(?:(a)(?=\1)|b)*$               ^(a)(?!\1)               ^(a|ab)(c|bcd)\1$
^(?:(x)|(y))(?:\1z|\2w)$           ^((a)|b)\1\2$                    ^(a|(b))\2$              ^\k<n>(?<n>a)$
(?!(a)\1)a                         ^(?:(a)\1|c(b)\2)*$              ^\d{4}([/-]?)\d\d\1\d\d$  ^(a){1}\1$
"""


def accepted_text(dfa: Dfa, rng: random.Random) -> str:
    """A random text that the automaton accepts."""
    text, row = bytearray(), int(START)
    while len(text) < 40 and not (dfa.labels[row] != REFUSES and rng.random() < 0.15):
        ways = np.flatnonzero(dfa.by_byte[row])
        plain = ways[ways < 0x80]
        if not len(ways):
            break
        text.append(int(rng.choice(plain if len(plain) and rng.random() < 0.9 else ways)))
        row = int(dfa.by_byte[row, text[-1]])
    return (bytes(text) + (shortest(dfa, Row(row)) or b"")).decode()


def bent(text: str, rng: random.Random) -> str:
    """`text` with one character left out, put in or replaced."""
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(["", rng.choice(STRANGE)]) + text[at + rng.randrange(2) :]


def texts_for(dfa: Dfa, rng: random.Random, count: int) -> Iterator[str]:
    yield from ("", "a", "\n")
    for _ in range(count):
        text = "" if dfa.is_empty else accepted_text(dfa, rng)
        yield from (text, bent(text, rng), bent(bent(text, rng), rng), text + "\n", "x" + text)


def disagreements(cases: list[tuple[str, str]], count: int) -> list[str]:
    rng = random.Random(0)
    compiled = [(pattern, flags, pattern_dfa(pattern, flags)) for pattern, flags in cases]
    asked = [(pattern, flags, dfa, list(texts_for(dfa, rng, count))) for pattern, flags, dfa in compiled]
    lines = "\n".join(json.dumps([pattern, flags, texts]) for pattern, flags, _, texts in asked)
    assert NODE is not None
    answers = subprocess.run([NODE, "-e", SCRIPT], input=lines, capture_output=True, text=True, check=True).stdout
    return [
        f"/{pattern}/{flags} on {text!r}: engine says {verdict}"
        for (pattern, flags, dfa, texts), line in zip(asked, answers.splitlines(), strict=True)
        for text, verdict in zip(texts, json.loads(line), strict=True)
        if verdict is not None and dfa.accepts(text.encode()) != verdict
    ]


@needs_node
def test_hard_patterns_agree_with_the_engine() -> None:
    assert disagreements([(pattern, "") for pattern in (HARD + REFERRING).split()], 12) == []


@needs_node
@pytest.mark.parametrize("flags", ["i", "m", "s", "im"])
def test_flags_agree_with_the_engine(flags: str) -> None:
    patterns = [r"^k[a-z]+$", r"\bk\b", r"^\W$", "[^k]", r"^[^\W]+$", "straße", r"^\P{Lu}$", r"^\p{Lu}$", "σ+$"]
    patterns += [r"^(a|b)c\1$", r"^(k)\1$"]
    patterns += ["^.$", "^a$|b$", "^a.b$", "(?!^a)^b", r"(?<=^a)\n", r"^\S$", "$.^", r"\b.\b"]
    assert disagreements([(pattern, flags) for pattern in patterns], 8) == []


def patterns_in(node: object) -> Iterator[str]:
    """Every `pattern` and every key of `patternProperties` below `node`."""
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str):
            yield node["pattern"]
        if isinstance(node.get("patternProperties"), dict):
            yield from node["patternProperties"]
        for value in node.values():
            yield from patterns_in(value)
    elif isinstance(node, list):
        for value in node:
            yield from patterns_in(value)


@pytest.fixture(scope="module")
def real_patterns() -> list[str]:
    with gzip.open(shared("data/maskbench_public.jsonl.gz"), "rt") as lines:
        return sorted({pattern for line in lines for pattern in patterns_in(json.loads(line)["schema"])})


@pytest.mark.shared
def test_real_patterns_compile(real_patterns: list[str]) -> None:
    assert len(real_patterns) > 400
    for pattern in real_patterns:
        assert not pattern_dfa(pattern).is_empty, pattern


@needs_node
@pytest.mark.shared
def test_real_patterns_agree_with_the_engine(real_patterns: list[str]) -> None:
    assert disagreements([(pattern, "") for pattern in real_patterns], 3) == []

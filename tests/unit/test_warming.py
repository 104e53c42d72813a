"""After a warm-up no request waits for a compiler."""

import json
import os
import subprocess
import sys

import pytest

from constrained import CompiledGrammar, Vocabulary, warm_up
from constrained.automata import jit
from constrained.grammar import Rule
from tests.support.grammars import terminal, tokens_of

ASK = """
import json
from constrained import warm_up
from constrained.automata import jit
warm_up()
print(json.dumps({name: len(each.overloads) for name, each in jit.declared.items()}))
"""


@pytest.fixture(scope="module")
def compiled() -> dict[str, int]:
    """How often each kernel is compiled by numba in a fresh process that has warmed up."""
    variables = {**os.environ, "CONSTRAINED_NATIVE": "0"}
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True, env=variables)
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", jit.declared)
def test_every_kernel_is_compiled_once_and_for_one_kind_of_arrays(compiled, name):
    assert compiled[name] == 1


def test_any_vocabulary_can_be_warmed_up():
    spellings: list[bytes | None] = [b"a", b"ab", b'"', None]
    vocabulary = Vocabulary.from_spellings(spellings, [3])
    warm_up(vocabulary)
    warm_up(Vocabulary.from_spellings([b"xyz", None], [1]))
    grammar = CompiledGrammar(Rule("rule", ((terminal("ab?"),),)), vocabulary)
    assert tokens_of(grammar.matcher().bitmask()) == [0, 1]

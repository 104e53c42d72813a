"""After a warm-up no request waits for a compiler."""

import subprocess
import sys

import pytest

from constrained import CompiledGrammar, Vocabulary, warm_up
from constrained.automata import chosen, costs, counted, kinds, net_walk, tables, walk, walk_beside, walk_each
from constrained.grammar import Rule
from tests.support.grammars import terminal, tokens_of

KERNELS = [
    (module.__name__, name)
    for module in (tables, walk, walk_beside, walk_each, costs, counted, kinds, chosen, net_walk)
    for name, one in vars(module).items()
    if hasattr(one, "signatures") and one.__module__ == module.__name__
]
PARTS = {
    "_sums",
    "_shared",
    "bits_of",
    "below",
    "below_counted",
    "below_chosen",
    *("cheapest", "_edges_into", "dearest", "cycles"),
    *(name for name in vars(net_walk) if name.startswith("_")),
}  # of other kernels
ASK = f"""
import sys
from constrained import warm_up
warm_up()
for module, name in {KERNELS}:
    print(name, len(getattr(sys.modules[module], name).signatures))
"""


@pytest.fixture(scope="module")
def compiled() -> dict[str, int]:
    """How often each kernel is compiled in a fresh process that has warmed up."""
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    return {name: int(times) for name, times in map(str.split, done.stdout.splitlines())}


@pytest.mark.parametrize("name", [name for _, name in KERNELS])
def test_every_kernel_is_compiled_once_and_for_one_kind_of_arrays(compiled, name):
    assert compiled[name] == 1 or name in PARTS


def test_any_vocabulary_can_be_warmed_up():
    spellings: list[bytes | None] = [b"a", b"ab", b'"', None]
    vocabulary = Vocabulary.from_spellings(spellings, [3])
    warm_up(vocabulary)
    warm_up(Vocabulary.from_spellings([b"xyz", None], [1]))
    grammar = CompiledGrammar(Rule("rule", ((terminal("ab?"),),)), vocabulary)
    assert tokens_of(grammar.matcher().bitmask()) == [0, 1]

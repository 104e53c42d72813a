"""What may be read below trie nodes: which tokens are in doubt where nobody knows what follows."""

import numpy as np
import pytest

from constrained import Vocabulary
from constrained.automata.algebra import literals
from constrained.grammar import UNKNOWN, Rule, Terminal, Unknown
from constrained.matcher import CompiledGrammar
from constrained.passages import Passages
from constrained.pieces import Gathered
from constrained.sketches import Sketcher

SPELLINGS = [b"a", b",", b", ", b", a", b",a", b"},", b" }", b",,", b"", None]
VOCABULARY = Vocabulary.from_spellings(SPELLINGS, [len(SPELLINGS) - 1])


@pytest.mark.parametrize(
    ("unknown", "doubted"),
    [
        (UNKNOWN, {b"a", b",", b", ", b", a", b",a", b"},", b" }", b",,"}),
        (Unknown(literals([b",", b", "])), {b",", b", ", b", a", b",a", b",,"}),
        (Unknown(literals([b", a"])), {b",", b", ", b", a"}),
        (Unknown(literals([b"b"])), set()),
    ],
)
def test_tokens_are_in_doubt_that_go_on_as_what_follows_begins(unknown, doubted):
    grammar = CompiledGrammar(Rule("a", ((Terminal(literals([b"a"])),),)), VOCABULARY)
    walker, states = grammar.masks.walker, grammar.states
    gathered = Gathered()
    passages = Passages(states, walker, Sketcher(states.forks, walker.is_inside))
    passages.down(states.end.push(unknown), walker.root, gathered)
    assert not gathered.pieces
    found = np.zeros_like(walker.no_doubts()) if gathered.doubtful is None else gathered.doubtful
    bits = np.unpackbits((found[0] | found[1]).view(np.uint8), bitorder="little")
    assert {SPELLINGS[token] for token in np.flatnonzero(bits)} == doubted

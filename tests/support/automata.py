"""Languages small enough to write down: sets of texts up to a length, and random automata."""

from itertools import product

from hypothesis import strategies as st

from constrained.automata.algebra import Builder
from constrained.automata.dfa import REFUSES, Dfa

LETTERS = b"abc"
LENGTH = 5  # two automata of 5 rows that differ do so within 8 letters; most do within 5
TEXTS = tuple(bytes(text) for length in range(LENGTH + 1) for text in product(LETTERS, repeat=length))


def language(dfa: Dfa) -> dict[bytes, int]:
    """The texts up to LENGTH that `dfa` accepts, with their labels."""
    found = {text: int(dfa.labels[dfa.run(text)]) for text in TEXTS}
    return {text: label for text, label in found.items() if label != REFUSES}


@st.composite
def automata(draw: st.DrawFn, labels: int = 1, rows: int = 4) -> Dfa:
    """A random automaton over LETTERS, empty ones included."""
    builder = Builder()
    size = draw(st.integers(1, rows))
    for _ in range(size):
        builder.row(draw(st.integers(REFUSES, labels - 1)))
    for row in range(1, size + 1):
        for letter in LETTERS:
            builder.edge(row, letter, draw(st.integers(0, size)))
    return builder.finish()

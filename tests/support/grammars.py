"""What does a grammar mean, said as plainly as possible? And random small grammars and vocabularies.

A text is a tuple of items: a byte is itself, control token t is `CONTROL + t`. `extends` says whether
a text is the beginning of a text of the grammar, `matches` whether it is one; both try every way to
cut the text between the symbols. They rely on `Dfa.run` and on nothing else of the engine.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from constrained import Vocabulary
from constrained.automata.algebra import literal, literals
from constrained.automata.chosen import Chosen, Texts
from constrained.automata.counted import Counted, string_meter
from constrained.automata.dfa import DEAD, REFUSES, START
from constrained.automata.regex import compile_rust
from constrained.grammar import (
    UNKNOWN,
    Captured,
    Control,
    Fresh,
    Node,
    Rule,
    Seen,
    Sequence,
    Switch,
    Symbol,
    Terminal,
)

CONTROL = 256
Text = tuple[int, ...]

ALPHABET = b'abc",'


# ------------------------------------------------------------------ the definition


def matches(sequence: Sequence, text: Text) -> bool:
    """Is `text` a text of `sequence`?"""
    if not sequence:
        return not text
    return any(matches(follow, text[n:]) for n, follow in _begun(sequence, text) if n <= len(text))


def extends(sequence: Sequence, text: Text) -> bool:
    """Is `text` the beginning of a text of `sequence`? (Every symbol here can be completed.)"""
    if not sequence:
        return not text
    return any(n > len(text) or extends(follow, text[n:]) for n, follow in _begun(sequence, text))


def _begun(sequence: Sequence, text: Text) -> Iterator[tuple[int, Sequence]]:
    """How many items of `text` the first symbol may take (more than there are: it needs more), and what follows."""
    symbol, later = sequence[0], sequence[1:]
    match symbol:
        case Terminal() | Switch():
            yield from ((n, (*follow, *later)) for n, follow in _read(symbol, text))
        case Control(tokens):
            yield from [(1, later)] * (not text or text[0] - CONTROL in tokens)
        case Captured():
            (terminal,) = symbol.body
            follows = ((body, symbol.then(body)) for body in _bodies(terminal, text))
            yield from ((len(body), (*follow, *later)) for body, follow in follows if follow is not None)
        case Fresh(terminal, refused, then):
            assert isinstance(later[0], Seen)
            seen = later[0].texts
            bodies = (body for body in _bodies(terminal, text) if body not in refused and body not in seen)
            yield from ((len(body), (*then, Seen(seen | {body}), *later[1:])) for body in bodies)
        case Seen():
            yield 0, later
        case Node():
            yield from ((0, (*alternative, *later)) for alternative in symbol.expand())


def _read(symbol: Terminal | Switch, text: Text) -> Iterator[tuple[int, Sequence]]:
    row = int(START)
    for n in range(len(text) + 1):
        label = symbol.automaton.label(row)
        if label != REFUSES:
            yield n, symbol.targets[label] if isinstance(symbol, Switch) else ()
        if n == len(text):
            yield from [(n + 1, ())] * bool(symbol.automaton.reads(row))
        elif text[n] >= CONTROL or (row := symbol.automaton.after(row, text[n])) == DEAD:
            return


def _bodies(symbol: Symbol, text: Text) -> Iterator[bytes]:
    """The texts of a terminal that begin `text`, and those up to 4 bytes longer that `text` begins."""
    assert isinstance(symbol, Terminal)
    automaton = symbol.automaton
    todo = [(b"", int(START))]
    for body, row in todo:
        if automaton.label(row) != REFUSES:
            yield body
        if len(body) < len(text) + 4:
            read = automaton.reads(row) if len(body) >= len(text) else [text[len(body)]]
            after = [(byte, automaton.after(row, byte)) for byte in read if byte < CONTROL]
            todo += [(body + bytes([byte]), target) for byte, target in after if target != DEAD]


def mask_by_definition(sequence: Sequence, text: Text, vocabulary: Vocabulary) -> list[int]:
    """The tokens that may follow `text`."""
    ends = set(vocabulary.eos_token_ids) if matches(sequence, text) else set()
    return [
        token
        for token in range(vocabulary.size)
        if token in ends or extends(sequence, (*text, *items(vocabulary, token)))
    ]


def items(vocabulary: Vocabulary, token: int) -> Text:
    """What `token` adds to a text."""
    return tuple(vocabulary.spellings[token] or (CONTROL + token,))


def tokens_of(bits: NDArray[np.uint32]) -> list[int]:
    """The tokens of a packed mask."""
    return np.flatnonzero(np.unpackbits(bits.view(np.uint8), bitorder="little")).tolist()


# ------------------------------------------------------------------ captures


class Different(Captured):
    """Different words, separated by commas: `a,ab,b`. `words` are all there are, or None for [ab]+."""

    def __init__(self, body: Sequence, words: frozenset[bytes] | None, seen: frozenset[bytes] = frozenset()) -> None:
        self.body, self.words, self.seen = body, words, seen

    def then(self, text: bytes) -> Sequence | None:
        if text in self.seen:
            return None
        seen = self.seen | {text}
        return (_rest_of_list(Different(self.body, self.words, seen)),) if seen != self.words else ()

    def sketch(self) -> Sequence:
        last = self.words is not None and len(self.seen) + 1 == len(self.words)
        return () if last else (_rest_of_list(UNKNOWN),)

    def refused(self) -> frozenset[bytes]:
        return self.seen


_COMMA = Terminal(literal(b","), "comma")


def _rest_of_list(following: Symbol) -> Rule:
    return Rule("list", ((), (_COMMA, following)))


class Twice(Captured):
    """A word, a comma, and the same word again."""

    def __init__(self, body: Sequence) -> None:
        self.body = body

    def then(self, text: bytes) -> Sequence:
        return _COMMA, Terminal(literal(text))

    def sketch(self) -> Sequence:
        return _COMMA, UNKNOWN

    def refused(self) -> frozenset[bytes]:
        return frozenset()


def fresh_words(refused: frozenset[bytes] = frozenset()) -> Rule:
    """Different quoted words, separated by commas, none of them `refused`: `"a","","ab"`."""
    more = Rule("more")
    word = Fresh(terminal('"[ab]*"'), refused, (more,))
    more.alternatives = ((), (_COMMA, word))
    return Rule("fresh words", ((word, Seen()),))


# ------------------------------------------------------------------ random grammars


@lru_cache(maxsize=100)
def terminal(pattern: str) -> Terminal:
    """One object per pattern."""
    return Terminal(compile_rust(pattern), pattern)


SMALL = ("a", "b", "ab", "a*", "(ab)+", "a?", "[ab]", "b|ab", "", "a{2,4}", ",", "b*,")
PATTERNS = (*SMALL, "c", "abc", "(a|b)*c", "c*b", '"[ab]*"', "counted")


@st.composite
def terminals(draw: st.DrawFn, patterns: tuple[str, ...]) -> Symbol:
    pattern = draw(st.sampled_from(patterns))
    if pattern != "counted":
        return terminal(pattern)
    meter = string_meter(compile_rust("(a|bc?)*"))
    assert meter is not None
    low = draw(st.integers(0, 4))
    return Terminal(Counted(meter, low, low + draw(st.sampled_from([0, 1, 5, 1 << 28]))), "counted")


words = st.frozensets(st.text("ab", min_size=1, max_size=3).map(str.encode), min_size=1, max_size=4)


@st.composite
def captures(draw: st.DrawFn) -> Symbol:
    if draw(st.booleans()):
        return fresh_words(frozenset(b'"%s"' % word for word in draw(words | st.just(frozenset({b""})))))
    if draw(st.booleans()):
        return Twice((Terminal(literals(draw(words)), "words"),))
    chosen = draw(st.none() | words)
    return Different((Terminal(literals(chosen)) if chosen else terminal("[ab]+"),), chosen)


CHOICES = st.frozensets(st.integers(0, 4), min_size=1)


@st.composite
def grammars(
    draw: st.DrawFn, controls: tuple[int, ...] = (), captured: bool = False, patterns: tuple[str, ...] = PATTERNS
) -> Rule:
    """Up to three rules that may call one another; each can be completed and none is left-recursive."""
    rules = [Rule(f"rule {index}") for index in range(draw(st.integers(1, 3)))]
    simple = st.one_of(
        terminals(patterns),
        st.builds(_switch, st.lists(terminals(patterns), min_size=2, max_size=2)),
        st.builds(_chosen, st.lists(terminals(patterns), min_size=2, max_size=2), CHOICES),
        *([st.sampled_from(controls).map(lambda token: Control(frozenset({token})))] if controls else []),
        *([captures(), captures()] if captured else []),
    )
    for index, rule in enumerate(rules):
        alternatives = [tuple(draw(st.lists(simple, max_size=2)))]
        for _ in range(draw(st.integers(0, 2))):
            later = st.sampled_from(rules[index + 1 :]) if index + 1 < len(rules) else simple
            front = draw(st.lists(simple | later, max_size=1))
            guard = [terminal(draw(st.sampled_from("ab,")))]
            behind = draw(st.lists(simple | st.sampled_from(rules), max_size=2))
            alternatives.append((*front, *guard, *behind))
        rule.alternatives = tuple(alternatives)
    return rules[0]


def _switch(targets: list[Symbol]) -> Switch:
    return Switch(literals({b"a": 0, b"ab": 1, b"ba": 0}), ((targets[0],), (targets[1],)), "switch")


TEXTS = Texts([b"a", b"ab", b"b", b"ba", b"bab"])


def _chosen(targets: list[Symbol], chosen: frozenset[int]) -> Switch:
    ways = tuple((targets[label % len(targets)],) for label in range(len(TEXTS.texts)))
    return Switch(Chosen(TEXTS, chosen), ways, "chosen")


# ------------------------------------------------------------------ random vocabularies


@st.composite
def vocabularies(draw: st.DrawFn, alphabet: bytes = ALPHABET) -> Vocabulary:
    """Every byte of the alphabet, longer tokens, some of them twice, two controls, one or two ends, an unused id."""
    letters = st.lists(st.sampled_from(alphabet), min_size=1, max_size=5).map(bytes)
    parts = [b"a", b"b", b"ab", b"ba", b",", b'"', b'"a"', b'""', b'","', b'",']
    possible = [part for part in parts if set(part) <= set(alphabet)]
    pieces = st.lists(st.sampled_from(possible), min_size=1, max_size=3).map(b"".join)
    longer = letters | pieces
    spellings: list[bytes | None] = [bytes([byte]) for byte in alphabet]
    spellings += draw(st.lists(longer, max_size=25))
    order = draw(st.permutations(range(len(spellings))))
    spellings = [None, None, *(spellings[index] for index in order), None, None, None]
    size = len(spellings)
    ends = draw(st.sampled_from([[size - 1], [size - 1, size - 2]]))
    return Vocabulary.from_spellings(spellings, ends, {"<0>": 0, "<1>": 1})

"""Random small grammars: the lowered one has the same texts, and the same prefixes of texts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrained.automata.algebra import literal
from constrained.completion import Shortest, solve
from constrained.errors import Unsatisfiable, UnsupportedFeature
from constrained.finishing import Finishing, text_of
from constrained.grammar import Terminal
from constrained.states import States
from grammars.context_free import lower
from grammars.lark.compiler import compile_lark
from grammars.without_marks import without_marks
from tests.support.walks import BYTES

NAMES = ["s", "t", "u", "v"]
LETTERS = {text: Terminal(literal(text.encode()), text) for text in ("a", "b", "ab")}
LENGTH = 8

bodies = st.lists(st.sampled_from([*NAMES, *NAMES, *LETTERS]), max_size=3).map(tuple)
productions = st.fixed_dictionaries({name: st.lists(bodies, max_size=3) for name in NAMES})


def texts_by_definition(rules):
    """Name -> its texts up to LENGTH, by growing sets until nothing changes."""
    known = {name: set() for name in NAMES}
    while True:
        grown = {name: set().union(*(joined(body, known) for body in bodies)) for name, bodies in rules.items()}
        if grown == known:
            return known
        known = grown


def joined(body, known):
    found = {""}
    for item in body:
        found = {a + b for a in found for b in known.get(item, {item}) if len(a + b) <= LENGTH}
    return found


def texts_by_states(states):
    """All texts up to LENGTH that are accepted, and all prefixes that are alive."""
    accepted, alive = set(), set()
    todo = [("", states.start)]
    for text, state in todo:
        alive.add(text)
        if state.accepting:
            accepted.add(text)
        if len(text) < LENGTH:
            for letter in "ab":
                after = states.step(state, ord(letter))
                if after is not None:
                    todo.append((text + letter, after))
    return accepted, alive


@settings(max_examples=200, deadline=None, derandomize=True)
@given(productions)
def test_a_lowered_grammar_has_the_same_texts_and_prefixes(rules):
    expected = texts_by_definition(rules)["s"]
    given_rules = {name: [tuple(LETTERS.get(item, item) for item in body) for body in rules[name]] for name in NAMES}
    try:
        start = lower(given_rules, "s")
    except Unsatisfiable:
        assert not expected
        return
    accepted, alive = texts_by_states(States(start))
    assert accepted == expected
    prefixes = {text[:n] for text in expected for n in range(len(text) + 1)}
    assert prefixes <= alive
    assert all(can_be_completed(rules, text) for text in alive - prefixes)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(productions, st.sets(st.sampled_from(["a", "b", "ab", "ba", "aa", "aba", "abb"]), min_size=1, max_size=3))
def test_without_marks_are_the_texts_that_hold_none_and_nothing_leads_astray(rules, marks):
    def held(text):
        return any(mark in text for mark in marks)

    expected = {text for text in texts_by_definition(rules)["s"] if not held(text)}
    given_rules = {name: [tuple(LETTERS.get(item, item) for item in body) for body in rules[name]] for name in NAMES}
    try:
        start = lower(without_marks(given_rules, "s", tuple(mark.encode() for mark in sorted(marks))), "s")
    except Unsatisfiable:
        assert not expected
        return
    solve(start)
    states = States(start)
    accepted, alive = texts_by_states(states)
    assert accepted == expected
    finishing = Finishing(states, Shortest())
    for text in (text for text in alive if len(text) < 6):  # each can be completed, so none is a dead end
        state = states.read(states.start, text.encode())
        whole = text + text_of(finishing.of_state(state)).decode()
        assert not held(whole)
        assert states.read(states.start, whole.encode()).accepting


@pytest.mark.parametrize("lexer", ["dynamic", "greedy"])
@settings(max_examples=100, deadline=None, derandomize=True)
@given(productions)
def test_a_lark_grammar_has_the_texts_and_prefixes_of_its_definition(lexer, rules):
    if lexer == "greedy":  # whose terminals are cut before rules are asked: single letters only
        rules = {name: [split(body) for body in rules[name]] for name in NAMES}
    rules = {name: bodies or [(name, "a")] for name, bodies in rules.items()}  # none, as Lark can write it
    written = [f"{name}: {' | '.join(quoted(body) for body in dict.fromkeys(rules[name]))}" for name in NAMES]
    expected = texts_by_definition(rules)["s"]
    try:
        states = compile_lark("\n".join(written), BYTES, start="s", lexer=lexer).states
    except Unsatisfiable:
        assert not expected
        return
    except UnsupportedFeature:
        assert lexer == "greedy"
        return
    accepted, alive = texts_by_states(states)
    assert accepted == expected
    prefixes = {text[:n] for text in expected for n in range(len(text) + 1)}
    assert prefixes <= alive
    assert all(can_be_completed(rules, text) for text in alive - prefixes)


def split(body):
    """The body with single letters for "ab"."""
    return tuple(one for item in body for one in (item if item in LETTERS else (item,)))


def quoted(body):
    return " ".join(f'"{item}"' if item in LETTERS else item for item in body)


def can_be_completed(rules, prefix):
    """Is `prefix` the beginning of some text? By growing, for every rule, the ways to derive a piece of it.

    A way is (start, end): the rule derives prefix[start:end]; end = OPEN: it derives prefix[start:] and
    more.
    """
    fruitful = {name for name, texts in texts_by_size(rules).items() if texts}
    n = len(prefix)
    OPEN = n + 1

    def ways(item, at, known):
        if item in known:
            return {end for start, end in known[item] if start == at} | (
                {OPEN} if at == OPEN and item in fruitful else set()
            )
        if at == OPEN:
            return {OPEN}
        rest = prefix[at:]
        if rest.startswith(item):
            return {at + len(item)}
        return {OPEN} if item.startswith(rest) else set()

    known = {name: set() for name in NAMES}
    while True:
        grown = {name: set() for name in NAMES}
        for name, bodies in rules.items():
            for body in bodies:
                for start in range(n + 1):
                    ends = {start}
                    for item in body:
                        ends = {end for at in ends for end in ways(item, at, known)}
                    grown[name] |= {(start, end) for end in ends}
        if grown == known:
            return any(start == 0 and end in (n, OPEN) for start, end in known["s"])
        known = grown


def texts_by_size(rules):
    """Name -> whether it has any text at all, as a set that is empty or not."""
    known = dict.fromkeys(NAMES, False)
    while True:
        grown = {name: any(all(known.get(item, True) for item in body) for body in rules[name]) for name in NAMES}
        if grown == known:
            return {name: {1} if yes else set() for name, yes in known.items()}
        known = grown

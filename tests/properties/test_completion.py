"""Shortest completions are accepted, and nothing shorter is."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from constrained import CompiledGrammar, Matcher, Unsatisfiable
from constrained.automata.algebra import empty
from constrained.completion import solve
from constrained.finishing import length
from constrained.grammar import Control, Rule, Sequence, Terminal
from tests.support.grammars import (
    ALPHABET,
    CONTROL,
    SMALL,
    Text,
    extends,
    grammars,
    items,
    matches,
    terminal,
    tokens_of,
    vocabularies,
)

choices = st.lists(st.integers(0, 10_000), min_size=3, max_size=3)
LONGEST = 7


def least_to_finish(rule: Rule, text: Text) -> int:
    """By trying all continuations; LONGEST + 1 if all are longer."""
    level = {text}
    for distance in range(LONGEST + 1):
        if any(matches((rule,), one) for one in level):
            return distance
        more = {(*one, item) for one in level for item in (*ALPHABET, CONTROL, CONTROL + 1)}
        level = {one for one in more if extends((rule,), one)}
    return LONGEST + 1


def check_completions(matcher: Matcher, rule: Rule, choices: list[int], exact: bool) -> None:
    vocabulary = matcher.grammar.vocabulary
    text: Text = ()
    for choice in choices:
        tokens = matcher.shortest_tokens()
        other = matcher.fork()
        for token in tokens:
            other.advance(token)
        assert other.is_finished
        spelled = [item for token in tokens[:-1] for item in items(vocabulary, token)]
        assert bytes(item for item in spelled if item < CONTROL) == matcher.shortest_completion()
        least = least_to_finish(rule, text)
        assert len(spelled) == least or (not exact and len(spelled) >= least) or len(spelled) > LONGEST
        token = (allowed := tokens_of(matcher.bitmask()))[choice % len(allowed)]
        matcher.advance(token)
        if matcher.is_finished or len(text) > 3:
            assert matcher.is_finished == (matcher.shortest_tokens() == [])
            break
        text = (*text, *items(vocabulary, token))


@given(grammars(controls=(0, 1)), vocabularies(), choices)
def test_completions_are_shortest(rule, vocabulary, choices):
    check_completions(CompiledGrammar(rule, vocabulary).matcher(), rule, choices, exact=True)


@given(grammars(captured=True, patterns=SMALL), vocabularies(), choices)
def test_completions_around_captures_are_accepted(rule, vocabulary, choices):
    check_completions(CompiledGrammar(rule, vocabulary).matcher(), rule, choices, exact=False)


# ------------------------------------------------------------------ solving

LEAVES = [terminal("a"), terminal("(ab){2,}"), terminal("b*"), Control(frozenset({1})), Terminal(empty(), "none")]


@st.composite
def open_rules(draw: st.DrawFn) -> list[Rule]:
    """Rules that may be empty, useless or recursive."""
    rules = [Rule(f"rule {index}") for index in range(draw(st.integers(1, 5)))]
    symbols = st.sampled_from([*LEAVES[:4], *LEAVES, *rules, *rules])
    for rule in rules:
        rule.alternatives = tuple(draw(st.lists(st.lists(symbols, max_size=3).map(tuple), max_size=3)))
    return rules


def lengths_by_iteration(rules: list[Rule]) -> dict[Rule, int | None]:
    """The least fixpoint, by repeating its equation until nothing changes."""
    known: dict[Rule, int | None] = dict.fromkeys(rules)
    leaves = dict(zip(LEAVES, [1, 4, 0, 1, None], strict=True))

    def cost(sequence: Sequence) -> int | None:
        parts = [known[part] if isinstance(part, Rule) else leaves[part] for part in sequence]
        return None if None in parts else sum(part for part in parts if part is not None)

    for _ in range(len(rules) + 1):
        for rule in rules:
            found = [size for one in rule.alternatives if (size := cost(one)) is not None]
            known[rule] = min(found, default=None)
    return known


def below(start: Rule) -> set[Rule]:
    found, todo = {start}, [start]
    while todo:
        fresh = {part for one in todo.pop().alternatives for part in one if isinstance(part, Rule)} - found
        found |= fresh
        todo.extend(fresh)
    return found


@given(open_rules())
@settings(max_examples=200)
def test_solving_is_the_least_fixpoint(rules):
    expected = lengths_by_iteration(rules)
    start, reached = rules[0], below(rules[0])
    if expected[start] is None:
        with pytest.raises(Unsatisfiable) as caught:
            solve(start)
        assert any(repr(rule.name) in str(caught.value) for rule in rules if expected[rule] is None)
        return
    solve(start)
    for rule in reached:
        assert (length(rule.solved) if rule.alternatives else None) == expected[rule]
        assert all(
            expected.get(part, 0) is not None and part is not LEAVES[4] for one in rule.alternatives for part in one
        )


@given(open_rules())
def test_solved_rules_have_no_dead_ends(rules):
    try:
        solve(rules[0])
    except Unsatisfiable:
        assume(False)
    assert rules[0].completion() == rules[0].solved
    assert rules[0].shortest() == b"".join(piece for piece in rules[0].completion() if isinstance(piece, bytes))

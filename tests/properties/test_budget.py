"""A budget holds what it says: exactly the tokens after which the text can be finished in time.

The definition is a search through all tokens, level by level; it is given up where it grows too large.
"""

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrained import BudgetTooSmall, CompiledGrammar, Matcher
from constrained.budget import Budgeted
from constrained.errors import GrammarError
from constrained.grammar import Rule
from constrained.states import State
from constrained.vocabulary.vocabulary import Vocabulary
from constrained.written import NEVER
from grammars import JsonSchemaOptions, compile_json_schema
from tests.fuzz import walks
from tests.fuzz.judge import Judge
from tests.fuzz.schemas import document
from tests.support.grammars import SMALL, grammars, tokens_of, vocabularies

MOST_STATES = 1500
ALL_BYTES = bytes(range(256))


def fewest_by_definition(matcher: Matcher) -> int | None:
    """By trying all continuations, shortest first; None where they are too many."""
    level, seen = [matcher], {matcher.state}
    for taken in range(1, 8):
        further: list[Matcher] = []
        for one in level:
            for token in tokens_of(one.bitmask()):
                other = one.fork()
                other.advance(token)
                if other.is_finished:
                    return taken
                if other.state not in seen:
                    seen.add(other.state)
                    further.append(other)
        level = further
        if len(seen) > MOST_STATES:
            return None
    return None


def leaves_enough(matcher: Matcher, token: int, left: int) -> bool | None:
    """Can the text be finished with `left` tokens after `token`? None if that is too much to find out."""
    other = matcher.fork()
    other.advance(token)
    needed = 0 if other.is_finished else fewest_by_definition(other)
    return None if needed is None else needed <= left


def walk(rule: Rule, vocabulary: Vocabulary, random: Random, slack: int, exact: bool) -> None:
    grammar = CompiledGrammar(rule, vocabulary)
    least = fewest_by_definition(grammar.matcher())
    if least is None:
        return
    with pytest.raises(BudgetTooSmall) as refused:
        Budgeted(grammar.matcher(), least - 1)
    minimum = refused.value.minimum
    assert minimum == least or (minimum > least and not exact)
    budgeted = Budgeted(grammar.matcher(), minimum + slack)
    while not budgeted.is_finished:
        allowed, whole = tokens_of(budgeted.bitmask()), tokens_of(budgeted.matcher.bitmask())
        verdicts = [leaves_enough(budgeted.matcher, token, budgeted.left - 1) for token in whole[:60]]
        if None not in verdicts:
            expected = [token for token, fits in zip(whole, verdicts, strict=False) if fits]
            assert (
                (allowed == expected) if exact and len(whole) <= 60 else set(allowed) & set(whole[:60]) <= set(expected)
            )
        assert allowed
        assert budgeted.steered or allowed == whole
        budgeted.advance(random.choice(allowed))
    assert budgeted.left >= 0


seeds, slacks = st.integers(0, 1000), st.integers(0, 4)


@given(grammars(controls=(0, 1)), vocabularies() | vocabularies(ALL_BYTES), seeds, slacks)
@settings(max_examples=100)
def test_exactly_the_tokens_that_leave_enough_are_allowed(rule, vocabulary, seed, slack):
    walk(rule, vocabulary, Random(seed), slack, exact=True)


@given(grammars(captured=True, patterns=SMALL), vocabularies(), seeds, slacks)
@settings(max_examples=40)
def test_around_captures_no_token_is_allowed_that_does_not_leave_enough(rule, vocabulary, seed, slack):
    walk(rule, vocabulary, Random(seed), slack, exact=False)


@given(grammars(controls=(0, 1)), vocabularies(), st.lists(st.integers(0, 10_000), min_size=3, max_size=3))
def test_a_way_is_a_way_and_no_longer_than_it_says(rule, vocabulary, choices):
    matcher = CompiledGrammar(rule, vocabulary).matcher()
    for choice in choices:
        fewest = matcher.grammar.steering.fewest
        way = fewest.way(matcher.state, fewest.of_state(matcher.state))
        other = matcher.fork()
        for token in way or ():
            other.advance(token)
        assert other.is_finished
        allowed = tokens_of(matcher.bitmask())
        matcher.advance(allowed[choice % len(allowed)])
        if matcher.is_finished:
            break


# ------------------------------------------------------------------ what is owed many times

COMPACT = JsonSchemaOptions(whitespace="compact")
ITEMS = {  # schema -> its texts' bytes
    '{"enum": ["a", "b"]}': b'"ab',
    '{"enum": [1, 11]}': b"1",
    '{"type": "array", "items": {"const": 1}, "minItems": 9}': b"1",
    '{"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]}': b'{}"a:1',
}


def fewest_of_all(matcher: Matcher) -> int:
    """By trying all tokens from all states, level by level."""
    level, taken = {matcher.state: matcher}, 0
    while True:
        taken += 1
        further: dict[State, Matcher] = {}
        for one in level.values():
            for token in tokens_of(one.bitmask()):
                other = one.fork()
                other.advance(token)
                if other.is_finished:
                    return taken
                further.setdefault(other.state, other)
        level = further


@given(
    st.sampled_from(sorted(ITEMS)), st.integers(9, 16), st.integers(0, 2) | st.none(), seeds, st.integers(0, 6), slacks
)
@settings(max_examples=10)
def test_many_items_take_as_many_tokens_as_by_definition(item, low, spare, seed, merges, slack):
    schema = {"type": "array", "items": json.loads(item), "minItems": low}
    if spare is not None:
        schema["maxItems"] = low + spare
    random, pieces = Random(seed), [bytes([byte]) for byte in sorted({*b"[],", *ITEMS[item]})]
    text = compile_json_schema(schema, walks.vocabulary(), COMPACT).matcher().shortest_completion()
    assert isinstance(text, bytes)
    for _ in range(merges):
        first = random.randrange(len(text))
        pieces.append(text[first : first + random.randint(2, 9)])
    vocabulary = Vocabulary.from_spellings([*dict.fromkeys(pieces), None], [len(dict.fromkeys(pieces))])
    grammar = compile_json_schema(schema, vocabulary, COMPACT)
    least = fewest_of_all(grammar.matcher())
    with pytest.raises(BudgetTooSmall) as refused:
        Budgeted(grammar.matcher(), least - 1)
    assert refused.value.minimum == least
    budgeted = Budgeted(grammar.matcher(), least + slack)
    while not budgeted.is_finished:
        budgeted.advance(random.choice(tokens_of(budgeted.bitmask())))
    assert budgeted.left >= 0


# ------------------------------------------------------------------ random schemas


def enough(grammar: CompiledGrammar, state: State) -> int:
    """What the shortest texts of what follows take: what a reserve promises."""
    written = grammar.steering.fewest.written
    places = [written.place(place) for place in grammar.steering.fewest.places(state)]
    return min([*places, len(written.state(state) or range(NEVER))])


@pytest.mark.parametrize("number", range(60))
def test_random_schemas_are_finished_in_time_whatever_is_chosen(number):
    random, vocabulary = Random(number), walks.vocabulary()
    schema = document(Random(number))
    try:
        grammar = compile_json_schema(schema, vocabulary)
    except GrammarError:
        return
    with pytest.raises(BudgetTooSmall) as refused:
        Budgeted(grammar.matcher(), 0)
    most = refused.value.minimum + random.choice((0, 0, 1, 2, 5, 15, 40))
    budgeted = Budgeted(grammar.matcher(), most)
    while not budgeted.is_finished:
        matcher = budgeted.matcher
        reserve, whole = grammar.steering.reserve(matcher.state), tokens_of(matcher.bitmask())
        for token in random.sample(whole, min(8, len(whole))):
            other = matcher.fork()
            other.advance(token)
            assert other.is_finished or enough(grammar, other.state) <= reserve
        budgeted.advance(random.choice(tokens_of(budgeted.bitmask())))
    assert len(budgeted.tokens) <= most
    text = vocabulary.spell(budgeted.tokens[:-1])
    assert text is not None
    assert Judge(schema, formats=True).accepts(text.decode()) is not False

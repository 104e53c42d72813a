"""A matcher agrees with the definition of its grammar, on random grammars over random vocabularies."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrained import CompiledGrammar, Matcher, TokenRefused, Vocabulary
from constrained.grammar import Rule
from constrained.inner import walker_for
from constrained.mask import Masks
from tests.support.grammars import SMALL, Text, grammars, items, mask_by_definition, terminal, tokens_of, vocabularies

choices = st.lists(st.integers(0, 10_000), min_size=4, max_size=4)


def walk_and_compare(matcher: Matcher, rule: Rule, choices: list[int], longest: int) -> None:
    """Follow random allowed tokens, and compare everything that can be asked with the definition."""
    vocabulary = matcher.grammar.vocabulary
    text: Text = ()
    for choice in choices:
        expected = mask_by_definition((rule,), text, vocabulary)
        bits = matcher.bitmask()
        assert tokens_of(bits) == expected, text
        assert [token for token in range(-1, vocabulary.size + 1) if matcher.allows(token)] == expected, text
        assert expected, f"a dead end after {text}"
        token = expected[choice % len(expected)]
        assert matcher.is_accepting == (vocabulary.eos_token_ids[0] in expected)
        matcher.advance(token)
        if matcher.is_finished or len(text) + 5 > longest:
            break
        text = (*text, *items(vocabulary, token))


@given(grammars(controls=(0, 1)), vocabularies(), choices)
@settings(max_examples=120)
def test_masks_are_those_of_the_definition(rule, vocabulary, choices):
    walk_and_compare(CompiledGrammar(rule, vocabulary).matcher(), rule, choices, 20)


@given(grammars(captured=True, patterns=SMALL), vocabularies(b'ab,"'), choices)
@settings(max_examples=120)
def test_captured_texts_decide_what_follows(rule, vocabulary, choices):
    walk_and_compare(CompiledGrammar(rule, vocabulary).matcher(), rule, choices, 12)


@given(grammars(controls=(0, 1), captured=True, patterns=SMALL), vocabularies(b'ab,"'), choices, st.integers(0, 3))
def test_what_is_looked_up_is_what_a_walk_finds(rule, vocabulary, choices, most):
    matcher = CompiledGrammar(rule, vocabulary).matcher()
    walking = Masks(matcher.grammar.states, walker_for(vocabulary), most)
    for choice in choices:
        found = tokens_of(matcher.bitmask())
        assert tokens_of(walking.make(matcher.state)) == found
        if not found:
            break
        matcher.advance(found[choice % len(found)])
        if matcher.is_finished:
            break


@given(grammars(controls=(0, 1), captured=True), vocabularies(), choices)
def test_forgetting_changes_nothing(rule, vocabulary, choices):
    grammar = CompiledGrammar(rule, vocabulary, memo_bytes=0)
    walk_and_compare(grammar.matcher(), rule, choices, 12)
    walk_and_compare(grammar.matcher(), rule, choices, 12)


@given(grammars(controls=(0,), captured=True), vocabularies(), choices)
def test_forced_bytes_are_the_only_way_on(rule, vocabulary, choices):
    matcher = CompiledGrammar(rule, vocabulary).matcher()
    singles = {byte: vocabulary.spellings.index(bytes([byte])) for byte in vocabulary.alphabet}
    for choice in choices:
        for byte in matcher.forced_bytes()[:20]:
            spelled = {vocabulary.spellings[token] for token in tokens_of(matcher.bitmask())}
            assert {text[0] if text else None for text in spelled} == {byte}
            matcher.advance(singles[byte])
        allowed = tokens_of(matcher.bitmask())
        first = {(vocabulary.spellings[token] or b"")[:1] for token in allowed}
        assert first != {b""} or 0 in allowed or matcher.is_accepting
        matcher.advance(allowed[choice % len(allowed)])
        if matcher.is_finished or len(matcher.tokens) > 6:
            break


@given(grammars(controls=(0, 1), captured=True), vocabularies(), choices, st.data())
def test_rollback_and_fork_lead_to_the_same_state(rule, vocabulary, choices, data):
    grammar = CompiledGrammar(rule, vocabulary)
    matcher = grammar.matcher()
    masks = [matcher.bitmask().copy()]
    for choice in choices:
        allowed = tokens_of(matcher.bitmask())
        if not allowed:
            break
        matcher.advance(allowed[choice % len(allowed)])
        masks.append(matcher.bitmask().copy())
    tokens, back = matcher.tokens, data.draw(st.integers(0, len(matcher.tokens)))
    other = matcher.fork()
    matcher.rollback(back)
    assert matcher.tokens == tokens[: len(tokens) - back]
    np.testing.assert_array_equal(matcher.bitmask(), masks[len(tokens) - back])
    for token in tokens[len(tokens) - back :]:
        matcher.advance(token)
    assert matcher.tokens == other.tokens == tokens
    np.testing.assert_array_equal(matcher.bitmask(), masks[-1])
    np.testing.assert_array_equal(other.bitmask(), masks[-1])


@given(grammars(controls=(0, 1), captured=True), vocabularies())
def test_a_refused_token_changes_nothing(rule, vocabulary):
    matcher = CompiledGrammar(rule, vocabulary).matcher()
    before = matcher.bitmask().copy()
    for token in set(range(-2, vocabulary.size + 2)) - set(tokens_of(before)):
        with pytest.raises(TokenRefused) as caught:
            matcher.advance(token)
        assert (caught.value.token, caught.value.position) == (token, 0)
    assert matcher.tokens == []
    np.testing.assert_array_equal(matcher.bitmask(), before)


@given(grammars(controls=(0, 1), captured=True), vocabularies(), st.lists(choices, min_size=8, max_size=8))
@settings(max_examples=20)
def test_threads_share_a_grammar(rule, vocabulary, walks):
    shared = CompiledGrammar(rule, vocabulary, memo_bytes=40_000)
    found: dict[int, list[list[int]]] = {}

    def run(index: int) -> None:
        found[index] = trace(shared.matcher(), walks[index])

    threads = [threading.Thread(target=run, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = CompiledGrammar(rule, vocabulary)
    assert found == {index: trace(alone.matcher(), walk) for index, walk in enumerate(walks)}


def trace(matcher: Matcher, choices: list[int]) -> list[list[int]]:
    """The masks along a walk."""
    masks = []
    for choice in [*choices, *choices]:
        masks.append(tokens_of(matcher.bitmask()))
        if not masks[-1]:
            break
        matcher.advance(masks[-1][choice % len(masks[-1])])
    return masks


def test_the_definition_itself_on_a_known_grammar():
    rule = Rule("nested")
    rule.alternatives = ((terminal("a"), rule, terminal("b")), (terminal("c"),))
    vocabulary = Vocabulary.from_spellings([b"a", b"b", b"c", b"ac", b"cb", b"bb", None], [6])
    assert mask_by_definition((rule,), tuple(b"a"), vocabulary) == [0, 2, 3, 4]
    assert mask_by_definition((rule,), tuple(b"aac"), vocabulary) == [1, 5]
    assert mask_by_definition((rule,), tuple(b"acb"), vocabulary) == [6]

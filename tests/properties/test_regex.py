"""Masks of random patterns equal those of outlines-core's own Guide, and of the definition."""

import outlines_core
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrained import CompiledGrammar, Unsatisfiable, Vocabulary
from constrained.automata.algebra import equivalent
from constrained.automata.regex import compile_rust
from constrained.grammar import Terminal
from grammars.regex import compile_regex, pattern_dfa
from tests.support.grammars import mask_by_definition, tokens_of, vocabularies

atoms = st.sampled_from(
    ["a", "b", "c", ",", '"', "[ab]", "[^a]", ".", r"\w", "(?i:B)", r"\x61", "é", "[a-c]", "(?:)", ""]
)


def combined(patterns: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    repeats = st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{2,}", "*?"])
    return st.one_of(
        st.lists(patterns, min_size=1, max_size=3).map("".join),
        st.lists(patterns, min_size=2, max_size=3).map(lambda options: f"(?:{'|'.join(options)})"),
        st.builds("(?:{}){}".format, patterns, repeats),
    )


patterns = st.recursive(atoms, combined, max_leaves=8)


@given(patterns)
@settings(max_examples=200)
def test_two_roads_to_one_automaton(pattern):
    assert equivalent(pattern_dfa(pattern), compile_rust(pattern))


@given(patterns, vocabularies(), st.lists(st.integers(0, 1000), max_size=5))
@settings(max_examples=150)
def test_masks_are_those_of_the_definition_and_of_outlines(pattern, vocabulary, choices):
    try:
        grammar = compile_regex(pattern, vocabulary)
    except Unsatisfiable:
        return
    matcher, guide = grammar.matcher(), guide_of(pattern, vocabulary)
    plain = CompiledGrammar(Terminal(compile_rust(pattern)), vocabulary)
    text: tuple[int, ...] = ()
    for choice in [*choices, 0]:
        allowed = tokens_of(matcher.bitmask())
        assert allowed == mask_by_definition((grammar.start,), text, vocabulary)
        assert allowed, "a dead end"
        if guide is not None:
            assert set(allowed) == {*guide.get_tokens()} | (
                {*vocabulary.eos_token_ids} if matcher.is_accepting else set()
            )
        token = allowed[choice % len(allowed)]
        assert plain.matcher().allows(token) or text
        matcher.advance(token)
        if matcher.is_finished:
            break
        text = (*text, *(vocabulary.spellings[token] or b""))
        if guide is not None:
            guide.advance(token)


def guide_of(pattern: str, vocabulary: Vocabulary) -> outlines_core.Guide | None:
    """outlines-core's guide; None where it refuses the vocabulary for leaving a state without a token."""
    spelled: dict[bytes, list[int]] = {}
    for token, text in enumerate(vocabulary.spellings):
        if text is not None:
            spelled.setdefault(text, []).append(token)
    words = outlines_core.Vocabulary(vocabulary.eos_token_ids[0], spelled)
    try:
        return outlines_core.Guide(outlines_core.Index(rf"(?:{pattern})\z", words))
    except ValueError:
        return None


def test_the_guide_is_asked_at_all():
    vocabulary = Vocabulary.from_spellings([b"a", b"b", b"ab", None], [3])
    guide = guide_of("ab+", vocabulary)
    assert guide is not None
    assert set(guide.get_tokens()) == {0, 2}


@pytest.mark.parametrize("pattern", ["^a$", "^(?:a|b)$", r"\Aab\z", "(^a|b)c", r"\bab\b"])
def test_anchors_say_nothing_at_the_ends(pattern):
    bare = pattern.replace("^", "").replace("$", "").replace(r"\A", "").replace(r"\z", "").replace(r"\b", "")
    assert equivalent(pattern_dfa(pattern), pattern_dfa(bare))

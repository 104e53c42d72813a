"""Drafts change no text: rejected tokens are taken back, from budgets and from every kind of cache."""

import re
from collections.abc import Callable
from typing import Any

import mlx.core as mx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlx_lm.generate import generate_step, speculative_generate_step
from mlx_lm.models.cache import RotatingKVCache, make_prompt_cache
from mlx_lm.sample_utils import make_logits_processors

from constrained.budget import Budgeted
from constrained.runtime.processor import GrammarProcessor
from tests.runtime import tiny

PATTERN = r'\{"(abc|null|[a-z]{2,6})": (true|false|[0-9]{3,9})\}'
PROMPT = [tiny.START, 20, 21, 22, 23]
WINDOW = 100  # more than any text here: mlx-lm cannot take tokens back out of a window that is full


@pytest.fixture(scope="module")
def model():
    return tiny.model()


@pytest.fixture(scope="module")
def draft():
    return tiny.model(seed=7)


def up_to_the_end(tokens: list[int]) -> list[int]:
    return tokens[: tokens.index(tiny.END) + 1]


def plain(model, prompt: list[int], processors: list[Any], **options) -> list[int]:
    made = (
        token
        for token, _ in generate_step(mx.array(prompt), model, max_tokens=60, logits_processors=processors, **options)
    )
    return up_to_the_end(list(made))


def speculated(model, draft, prompt: list[int], processors: list[Any], drafted: int, **options) -> list[int]:
    made = speculative_generate_step(
        mx.array(prompt), model, draft, num_draft_tokens=drafted, max_tokens=60, logits_processors=processors, **options
    )
    return up_to_the_end([token for token, _, _ in made])


def rotating(*models) -> list[Any]:
    return [RotatingKVCache(max_size=WINDOW) for model in models for _ in model.layers]


def filled(*models) -> list[Any]:
    """Caches that hold what came before."""
    caches = [make_prompt_cache(model) for model in models]
    for model, cache in zip(models, caches, strict=True):
        model(mx.array([[tiny.START, 30, 31, 32]]), cache=cache)
    return [layer for cache in caches for layer in cache]


QUANTISED = {"kv_bits": 8, "kv_group_size": 32, "quantized_kv_start": 0}
CACHES: dict[str, Callable[..., dict[str, Any]]] = {
    "plain": lambda *models: {},
    "quantised": lambda *models: QUANTISED,
    "rotating": lambda *models: {"prompt_cache": rotating(*models)},
    "filled": lambda *models: {"prompt_cache": filled(*models)},
    "filled and quantised": lambda *models: {"prompt_cache": filled(*models), **QUANTISED},
    "read in pieces": lambda *models: {"prefill_step_size": 2},
}


@pytest.mark.parametrize("cache", CACHES.values(), ids=CACHES)
@pytest.mark.parametrize("drafted", [1, 2, 5])
@pytest.mark.parametrize("own_draft", [True, False], ids=["draft agrees", "draft differs"])
def test_drafts_do_not_change_the_text_with_any_cache(model, draft, drafted, own_draft, cache):
    other = model if own_draft else draft
    expected = plain(model, PROMPT, [GrammarProcessor(tiny.grammar(PATTERN))], **cache(model))
    found = speculated(model, other, PROMPT, [GrammarProcessor(tiny.grammar(PATTERN))], drafted, **cache(model, other))
    assert re.fullmatch(PATTERN, tiny.spell(found))
    assert found == expected


def test_drafts_do_not_change_the_text_among_other_processors(model, draft):
    """A bias and two grammars; penalties look at the history, in which a host that speculates leaves the prompt out."""
    patterns = "([a-m][a-m]){2,8}", "(ab|de|fg)*"
    others = make_logits_processors(logit_bias={tiny.START: 1e6, 150: 1e6, tiny.END: -4.0, 30: -5.0})

    def processors() -> list[Any]:
        return [GrammarProcessor(tiny.grammar(patterns[0])), *others, GrammarProcessor(tiny.grammar(patterns[1]))]

    expected = plain(model, PROMPT, processors())
    assert re.fullmatch("(ab|de|fg){2,8}", tiny.spell(expected))
    for drafted in (1, 3):
        assert speculated(model, draft, PROMPT, processors(), drafted) == expected


def test_with_penalties_drafts_bring_no_masked_token_back(model, draft):
    others = make_logits_processors(logit_bias={150: 1e6}, repetition_penalty=1.3, presence_penalty=0.5)
    for order in (1, -1):
        processors = [GrammarProcessor(tiny.grammar(PATTERN)), *others][::order]
        assert re.fullmatch(PATTERN, tiny.spell(speculated(model, draft, PROMPT, processors, 3)))


PATTERNS = st.sampled_from(
    [PATTERN, "(abc|xyz)*(true|null)", "[a-z]{3,30}", r"\[(12|null|[ab]*)(, (12|null))*\]", "abc"]
)


@given(PATTERNS, st.integers(0, 50), st.integers(1, 6), st.integers(0, 12), st.sampled_from(sorted(CACHES)))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_draft_changes_a_text_with_a_budget(model, pattern, seed, drafted, slack, cache):
    """A random model drafts; most of it is rejected, and every rejection is taken back from the budget."""
    grammar = tiny.grammar(pattern)
    budget = Budgeted(grammar.matcher(), 1000).minimum + slack
    drafts = tiny.model(seed=100 + seed)

    def within_budget() -> list[GrammarProcessor]:
        return [GrammarProcessor(Budgeted(grammar.matcher(), budget))]

    prompt = [*PROMPT, 20 + seed % 30]
    expected = plain(model, prompt, within_budget(), **CACHES[cache](model))
    found = speculated(model, drafts, prompt, within_budget(), drafted, **CACHES[cache](model, drafts))
    assert re.fullmatch(pattern, tiny.spell(found))
    assert found == expected
    assert len(found) <= budget

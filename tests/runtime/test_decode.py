"""Our own loop: what each event says, and that it agrees with mlx-lm's."""

import math
import re

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.generate import generate_step

from constrained.errors import ModelError
from constrained.observation import Observation, Origin
from constrained.runtime import decode
from constrained.runtime.decode import generate, stream
from constrained.runtime.generated import GeneratedToken
from constrained.runtime.models import LanguageModel
from tests.runtime import tiny

PROMPT = [tiny.START, 20, 21, 22, 23]
PATTERN = r'\{"(abc|null|[a-z]{2,6})": (true|false|[0-9]{3,9})\}'


class Tokenizer:
    """The two things of mlx-lm's tokenizer that the loop asks for."""

    bos_token = "<s>"

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        return [tiny.START] * add_special_tokens + [tiny.SPELLINGS.index(c.encode()) for c in text]


@pytest.fixture(autouse=True)
def tiny_vocabulary(monkeypatch):
    """Without a grammar the vocabulary comes from the tokenizer's file, and the tiny one has none."""
    monkeypatch.setattr(decode, "vocabulary_of", lambda model, tokenizer: tiny.vocabulary())


@pytest.fixture(scope="module")
def model():
    return tiny.model()


@pytest.mark.parametrize("seed", range(5))
def test_generated_text_matches(model, seed):
    made = generate(model, Tokenizer(), PROMPT, tiny.grammar(PATTERN), temperature=1.5, seed=seed)
    assert re.fullmatch(PATTERN, made.text)
    assert made.finish_reason == "stop"
    assert made.tokens[-1].id == tiny.END
    assert made.tokens[-1].text == b""


def test_the_same_seed_says_the_same_and_another_something_else(model):
    texts = [
        generate(model, Tokenizer(), PROMPT, tiny.grammar("[a-z]{20}"), temperature=1.0, seed=s).text for s in (1, 1, 2)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_without_temperature_the_loop_agrees_with_mlx_lm(model):
    theirs = [token for token, _ in generate_step(mx.array(PROMPT), model, max_tokens=30)]
    ours = [event.id for event in stream(model, Tokenizer(), PROMPT, max_tokens=30)]
    assert ours == theirs[: len(ours)]
    assert len(ours) == 30 or ours[-1] == tiny.END


def test_a_forced_token_is_certain_and_says_so(model):
    *letters, end = stream(model, Tokenizer(), PROMPT, tiny.grammar("(x|y)q(r|s)"))
    assert [event.forced for event in letters] == [False, True, False]
    assert letters[1] == GeneratedToken(tiny.SPELLINGS.index(b"q"), b"q", True, 1 - 1 / tiny.PADDED, 0.0)
    assert end.forced
    assert end.finish_reason == "stop"


def test_a_token_is_forced_when_only_its_length_was_free(model):
    """After `t`, "rue" may be cut into tokens in several ways, but nothing else can be said."""
    events = list(stream(model, Tokenizer(), PROMPT, tiny.grammar("(true|xabcabc)"), temperature=1.0, seed=4))
    choice = next(i for i, event in enumerate(events) if event.text)
    assert [event.forced for event in events[choice + 1 :]] == [True] * (len(events) - choice - 1)


def test_the_log_probability_is_that_among_the_allowed_tokens(model):
    first = next(stream(model, Tokenizer(), PROMPT, tiny.grammar("(x|y)")))
    logits = np.array(model(mx.array([PROMPT]))[0, -1], np.float64)
    pair = np.exp(logits[[tiny.SPELLINGS.index(b"x"), tiny.SPELLINGS.index(b"y")]])
    assert math.isclose(first.logprob, math.log(pair.max() / pair.sum()), rel_tol=1e-4)
    assert math.isclose(first.removed, 1 - 2 / tiny.PADDED)


def test_without_a_grammar_nothing_is_removed(model):
    event = next(stream(model, Tokenizer(), PROMPT))
    assert not event.forced
    assert event.removed == 0.0
    assert event.finish_reason is None


def test_max_tokens_ends_a_sequence(model):
    made = generate(model, Tokenizer(), PROMPT, tiny.grammar("[a-z]{20}"), max_tokens=5)
    assert len(made.tokens) == 5
    assert made.finish_reason == "length"
    assert [event.finish_reason for event in made.tokens[:-1]] == [None] * 4


def test_a_matcher_continues_where_it_is(model):
    matcher = tiny.grammar("abc[0-9]").matcher()
    for character in "ab":
        matcher.advance(tiny.SPELLINGS.index(character.encode()))
    assert re.fullmatch("c[0-9]", generate(model, Tokenizer(), PROMPT, matcher).text)


def test_a_long_prompt_is_read_in_pieces(model, monkeypatch):
    whole = generate(model, Tokenizer(), PROMPT * 3, tiny.grammar(PATTERN))
    monkeypatch.setattr(decode, "PREFILL", 4)
    assert generate(model, Tokenizer(), PROMPT * 3, tiny.grammar(PATTERN)).text == whole.text


@pytest.mark.parametrize("prompt", ["ab", "<s>ab"])
def test_text_is_encoded_with_one_start_token(prompt, model, monkeypatch):
    seen: list[int] = []
    monkeypatch.setattr(
        Tokenizer, "encode", lambda self, text, add_special_tokens: seen.append(add_special_tokens) or [5]
    )
    next(stream(model, Tokenizer(), prompt))
    assert seen == [not prompt.startswith("<s>")]


@pytest.mark.parametrize(
    ("prompt", "options", "said"),
    [
        ([], {}, "prompt is empty"),
        (PROMPT, {"max_tokens": 0}, "max_tokens"),
        (PROMPT, {"temperature": -1.0}, "temperature"),
        (PROMPT, {"temperature": math.nan}, "temperature"),
        (PROMPT, {"top_p": 0.0}, "top_p"),
        (PROMPT, {"top_k": -1}, "top_k"),
        (PROMPT, {"min_p": 2.0}, "min_p"),
    ],
)
def test_arguments_out_of_range_are_refused_before_the_first_pass(model, prompt, options, said):
    with pytest.raises(ValueError, match=said):
        stream(model, Tokenizer(), prompt, **options)


def test_logits_that_are_not_numbers_are_the_models_fault(model):
    def broken(inputs: mx.array, cache: object = None) -> mx.array:
        return mx.full((1, inputs.shape[1], tiny.PADDED), mx.nan)

    broken_model: LanguageModel = broken
    broken_model.layers = model.layers
    with pytest.raises(ModelError, match="not numbers"):
        list(stream(broken_model, Tokenizer(), PROMPT, tiny.grammar("abc")))


def test_an_observed_generation_is_the_same_and_says_where_each_token_came_from(model):
    grammar = tiny.grammar("(x|y)q(r|s)")
    plain = generate(model, Tokenizer(), PROMPT, grammar)
    made = generate(model, Tokenizer(), PROMPT, grammar, observe=3)
    assert [token.id for token in made.tokens] == [token.id for token in plain.tokens]
    assert all(token.observation is None for token in plain.tokens)
    first, second, *_ = made.tokens
    free = next(stream(model, Tokenizer(), PROMPT))
    assert first.observation.wanted == free.id != first.id
    assert (first.origin, second.origin) == (Origin.CHANGED, Origin.FORCED)
    assert made.vocabulary is tiny.vocabulary()


@pytest.mark.parametrize(
    ("token", "origin"),
    [
        (GeneratedToken(5, b"x", False, 0.0, -1.0), Origin.SAMPLED),
        (GeneratedToken(5, b"x", False, 0.0, -1.0, observation=Observation(5, 1.0, ())), Origin.SAMPLED),
        (GeneratedToken(5, b"x", False, 0.0, -1.0, observation=Observation(6, 1.0, ())), Origin.CHANGED),
        (GeneratedToken(5, b"x", True, 0.9, 0.0, observation=Observation(6, 1.0, ())), Origin.FORCED),
        (GeneratedToken(5, b"x", True, 0.9, 0.0, steered=True), Origin.STEERED),
    ],
)
def test_an_origin_is_the_strongest_reason(token, origin):
    assert token.origin is origin

"""Our own loop: what each event says, and that it agrees with mlx-lm's."""

import math
import re

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.generate import generate_step

from constrained.errors import BudgetTooSmall, ModelError
from constrained.observation import Observation, Origin
from constrained.runtime import BatchEngine, Sampler, SequenceRequest, TokenEvent, decode
from constrained.runtime.decode import generate, stream
from constrained.runtime.generated import GeneratedToken, Generation
from constrained.runtime.models import LanguageModel
from constrained.runtime.selection import Adjustments
from grammars import FreeText, compile_phases, compile_regex
from tests.runtime import tiny
from tests.support.grammars import tokens_of

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
    assert letters[1] == GeneratedToken(tiny.SPELLINGS.index(b"q"), b"q", True, 1 - 1 / tiny.PADDED, None)
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


def test_max_tokens_ends_a_free_sequence(model):
    made = generate(model, Tokenizer(), PROMPT, max_tokens=5)
    assert len(made.tokens) == 5
    assert made.finish_reason == "length"
    assert [event.finish_reason for event in made.tokens[:-1]] == [None] * 4


# ------------------------------------------------------------------ budgets


@pytest.mark.parametrize("budget", range(9, 20))
def test_a_constrained_text_is_complete_within_its_budget(model, budget):
    made = generate(model, Tokenizer(), PROMPT, tiny.grammar(PATTERN), max_tokens=budget, temperature=2.0, seed=budget)
    assert re.fullmatch(PATTERN, made.text)
    assert len(made.tokens) <= budget


def test_a_budget_that_holds_no_text_is_refused_before_the_first_pass(model):
    with pytest.raises(BudgetTooSmall, match="at least 21"):
        stream(model, Tokenizer(), PROMPT, tiny.grammar("[x-z]{20}"), max_tokens=20)


def test_the_budget_is_the_reason_only_if_it_changed_a_choice(model):
    eager = Adjustments({tiny.SPELLINGS.index(b"x"): 99.0})
    cut = generate(model, Tokenizer(), PROMPT, tiny.grammar("x*(yes|no)"), max_tokens=9, adjustments=eager)
    assert re.fullmatch("xxxxx+(yes|no)", cut.text)
    assert cut.finish_reason == "budget"
    (steered,) = (token for token in cut.tokens if token.steered)
    assert steered.origin == Origin.STEERED
    word = generate(model, Tokenizer(), PROMPT, tiny.grammar("yes|no"), max_tokens=4)
    assert word.finish_reason == "stop"
    assert not any(token.steered for token in word.tokens)


# ------------------------------------------------------------------ fast-forward


def passes(model, *arguments, **options) -> tuple[Generation, list[int]]:
    """A generation, and how many tokens each pass of the model read."""
    read: list[int] = []

    def counting(inputs: mx.array, cache: object = None) -> mx.array:
        read.append(inputs.shape[1])
        return model(inputs, cache=cache)

    counting.layers = model.layers
    return generate(counting, *arguments, **options), read


FORCED = r'\{"abc": (true|false), "abc": (x|y)abcabc\}'


def test_tokens_that_must_follow_are_read_with_the_one_before_them(model):
    fast, read = passes(model, Tokenizer(), PROMPT, tiny.grammar(FORCED))
    asked = [token for token in fast.tokens if token.logprob is not None]
    assert len(read) == len(asked) + 1  # and the beginning of the prompt
    assert sum(read) <= len(PROMPT) + len(fast.tokens)
    assert re.fullmatch(FORCED, fast.text)


@pytest.mark.parametrize("seed", range(4))
def test_fast_forward_does_not_change_what_is_chosen(model, seed):
    """In an alphabet of single characters a text can be cut in one way only."""
    pattern = r"\[(xy|zy)(k|l)mmm(o|p)q\]"
    options = {"temperature": 1.5, "seed": seed}
    fast, few = passes(model, Tokenizer(), PROMPT, tiny.grammar(pattern), **options)
    slow, many = passes(model, Tokenizer(), PROMPT, tiny.grammar(pattern), fast_forward=False, **options)
    assert [token.id for token in fast.tokens] == [token.id for token in slow.tokens]
    assert len(few) < len(many)
    for ours, theirs in zip(fast.tokens, slow.tokens, strict=True):
        assert ours.forced == theirs.forced
        assert ours.logprob is None or math.isclose(ours.logprob, theirs.logprob, abs_tol=1e-4)


@pytest.mark.parametrize("pattern", [FORCED, "abcabc", "xyz"], ids=["inside", "all", "all letters"])
def test_log_probabilities_of_forced_tokens_come_from_the_same_pass(model, pattern):
    asked = {"logprobs_of_forced": True, "top_logprobs": 3}
    fast, few = passes(model, Tokenizer(), PROMPT, tiny.grammar(pattern), **asked)
    plain, read = passes(model, Tokenizer(), PROMPT, tiny.grammar(pattern))
    assert [token.id for token in fast.tokens] == [token.id for token in plain.tokens]
    assert len(few) <= len(read) + 1  # a text that is forced to its end is read for the numbers alone
    prompt, matcher = list(PROMPT), tiny.grammar(pattern).matcher()
    for token in fast.tokens:
        logits = np.array(model(mx.array([prompt]))[0, -1], np.float64)
        allowed = tokens_of(matcher.bitmask())
        expected = {one: logits[one] - np.log(np.exp(logits[allowed]).sum()) for one in allowed}
        assert math.isclose(token.logprob, expected[token.id], abs_tol=1e-3)
        assert [one for one, _ in token.top_logprobs] == sorted(expected, key=lambda one: -expected[one])[:3]
        prompt.append(token.id)
        matcher.advance(token.id)


# ------------------------------------------------------------------ phases


def phased(limit: int | None) -> object:
    answer = compile_regex(PATTERN, tiny.vocabulary())
    return compile_phases([FreeText(until=">", max_tokens=limit), answer], tiny.vocabulary())


@pytest.mark.parametrize("limit", [None, 0, 5])
@pytest.mark.parametrize("seed", range(3))
def test_free_text_until_a_marker_then_the_grammar(model, limit, seed):
    made = generate(model, Tokenizer(), PROMPT, phased(limit), max_tokens=40, temperature=1.5, seed=seed)
    _, _, answer = made.text.partition(">")
    assert re.fullmatch(PATTERN, answer)
    assert limit is None or [token.text for token in made.tokens].index(b">") <= limit
    engine = BatchEngine(model, tiny.vocabulary())
    sampler = Sampler(temperature=1.5, seed=seed)
    engine.add(SequenceRequest(prompt=PROMPT, constraint=phased(limit).matcher(), max_tokens=40, sampler=sampler))
    said = b""
    while not engine.idle:
        said += b"".join(event.token.text for event in engine.step() if isinstance(event, TokenEvent))
    engine.close()
    assert said.decode() == made.text


# ------------------------------------------------------------------ stop strings


def test_a_free_text_ends_before_a_stop_string(model):
    whole = generate(model, Tokenizer(), PROMPT, max_tokens=30).text
    assert len(whole) > 12
    stop = whole[8:11]
    made = generate(model, Tokenizer(), PROMPT, max_tokens=30, stop=["never said", stop])
    assert made.text == whole[: whole.index(stop)]
    assert made.finish_reason == "stop"


def test_options_out_of_range_are_refused(model):
    for option, said in [({"top_logprobs": -1}, "top_logprobs"), ({"stop": [""]}, "stop string")]:
        with pytest.raises(ValueError, match=said):
            stream(model, Tokenizer(), PROMPT, **option)
    with pytest.raises(ValueError, match="logit_bias names token 160"):
        stream(model, Tokenizer(), PROMPT, adjustments=Adjustments({160: 1.0}))


def test_adjustments_change_what_is_said_but_not_what_is_allowed(model):
    forbidden = tiny.SPELLINGS.index(b"z")
    made = generate(model, Tokenizer(), PROMPT, tiny.grammar("[ab]{9}"), adjustments=Adjustments({forbidden: 99.0}))
    assert re.fullmatch("[ab]{9}", made.text)
    liked = tiny.SPELLINGS.index(b"b")
    made = generate(model, Tokenizer(), PROMPT, tiny.grammar("[a-z]{9}"), adjustments=Adjustments({liked: 99.0}))
    assert made.text == "b" * 9
    varied = Adjustments({liked: 50.0}, frequency_penalty=60.0)
    made = generate(model, Tokenizer(), PROMPT, tiny.grammar("[a-z]{9}"), adjustments=varied)
    assert made.text.count("b") == 1


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
        list(stream(broken_model, Tokenizer(), PROMPT, tiny.grammar("abc|xyz")))


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

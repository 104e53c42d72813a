"""One processor, every way in which mlx-lm generates."""

import re
from collections.abc import Callable

import mlx.core as mx
import mlx_lm
import numpy as np
import pytest
from mlx_lm.generate import BatchGenerator, generate_step
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.sample_utils import make_logits_processors, make_sampler

from constrained.automata.regex import compile_rust
from constrained.errors import BudgetTooSmall, TokenRefused
from constrained.grammar import Terminal
from constrained.matcher import CompiledGrammar
from constrained.runtime.models import LoadedModel, load_model, vocabulary_of
from constrained.runtime.processor import GrammarProcessor
from tests.runtime import tiny

PATTERN = r'\{"(abc|null|[a-z]{2,6})": (true|false|[0-9]{3,9})\}'
PROMPT = [tiny.START, 20, 21, 22, 23]


@pytest.fixture(scope="module")
def model():
    return tiny.model()


def hot(seed: int) -> Callable[[mx.array], mx.array]:
    mx.random.seed(seed)
    return make_sampler(temp=1.5)


def run(model, prompt=PROMPT, **options) -> list[int]:
    """The tokens of one `generate_step`, up to and with the end token (which the host goes beyond)."""
    tokens: list[int] = []
    for token, _ in generate_step(mx.array(prompt), model, max_tokens=40, **options):
        tokens.append(token)
        if len(tokens) >= 2 and tokens[-2] == tiny.END:
            break
    return tokens


def matches(tokens: list[int], pattern: str = PATTERN) -> bool:
    return tiny.END in tokens and re.fullmatch(pattern, tiny.spell(tokens)) is not None


@pytest.mark.parametrize("seed", range(5))
def test_generated_text_matches(model, seed):
    tokens = run(model, sampler=hot(seed), logits_processors=[GrammarProcessor(tiny.grammar(PATTERN))])
    assert matches(tokens)


def test_after_the_end_only_the_end_token_follows(model):
    tokens = run(model, logits_processors=[GrammarProcessor(tiny.grammar("abc"))])
    assert tokens[-2:] == [tiny.END, tiny.END]


CACHES = {
    "prefill in pieces": {"prefill_step_size": 2},
    "quantised cache": {"kv_bits": 8, "kv_group_size": 32, "quantized_kv_start": 0},
    "rotating cache": {"max_kv_size": 8},
}


@pytest.mark.parametrize("options", CACHES.values(), ids=CACHES)
def test_caches_and_prefill_make_no_difference(model, options):
    assert matches(run(model, logits_processors=[GrammarProcessor(tiny.grammar(PATTERN))], **options))


def test_a_prompt_cache_may_hold_what_came_before(model):
    cache = make_prompt_cache(model)
    model(mx.array([[tiny.START, 30, 31, 32]]), cache=cache)
    tokens = run(model, [40], prompt_cache=cache, logits_processors=[GrammarProcessor(tiny.grammar(PATTERN))])
    assert matches(tokens)


@pytest.mark.parametrize("first", [True, False], ids=["grammar first", "grammar last"])
def test_other_processors_cannot_bring_back_a_masked_token(model, first):
    others = make_logits_processors(
        logit_bias={tiny.START: 1e6, 150: 1e6, 30: -5.0}, repetition_penalty=1.3, presence_penalty=0.5
    )
    ours = GrammarProcessor(tiny.grammar(PATTERN))
    assert matches(run(model, sampler=hot(3), logits_processors=[ours, *others] if first else [*others, ours]))


@pytest.mark.parametrize("options", CACHES.values(), ids=CACHES)
def test_two_grammars_leave_what_both_allow(model, options):
    both = [GrammarProcessor(tiny.grammar(pattern)) for pattern in ("([a-m][a-m]){2,4}", "(ab|de|fg)*")]
    tokens = run(model, sampler=hot(5), logits_processors=both, **options)
    assert matches(tokens, "(ab|de|fg){2,4}")


def test_a_matcher_continues_where_it_is(model):
    matcher = tiny.grammar(PATTERN).matcher()
    for character in b'{"abc':
        matcher.advance(tiny.SPELLINGS.index(bytes([character])))
    tokens = run(model, logits_processors=[GrammarProcessor(matcher)])
    assert re.fullmatch(PATTERN, '{"abc' + tiny.spell(tokens))


# ---------------------------------------------------------------- batches


def drain(batch: BatchGenerator, results: dict[int, list[int]]) -> None:
    """Run the batch until it is empty."""
    while responses := batch.next_generated():
        for response in responses:
            results.setdefault(response.uid, []).append(response.token)


def test_rows_of_a_batch_follow_their_own_grammars(model):
    patterns = [PATTERN, None, "(true|false)", "[0-9]{12}"]
    processors = [[GrammarProcessor(tiny.grammar(p))] if p else [] for p in patterns]
    prompts = [PROMPT, PROMPT[:2], [tiny.START], PROMPT * 3]
    batch = BatchGenerator(model, stop_tokens=[[tiny.END]], max_tokens=40)
    results: dict[int, list[int]] = {}
    uids = batch.insert(prompts, logits_processors=processors)
    drain(batch, results)
    for uid, prompt, pattern, own in zip(uids, prompts, patterns, processors, strict=True):
        if pattern:
            assert matches(results[uid], pattern)
            alone = run(model, prompt, logits_processors=[GrammarProcessor(tiny.grammar(pattern))])
            assert tiny.spell(results[uid]) == tiny.spell(alone), own
        else:
            assert len(results[uid]) == 40 or results[uid][-1] == tiny.END


def test_rows_may_join_and_leave_while_others_run(model):
    batch = BatchGenerator(model, stop_tokens=[[tiny.END]], max_tokens=40)
    results: dict[int, list[int]] = {}
    first = batch.insert([PROMPT, PROMPT[:3]], logits_processors=[[GrammarProcessor(tiny.grammar(PATTERN))], []])
    for _ in range(4):
        for response in batch.next_generated():
            results.setdefault(response.uid, []).append(response.token)
    second = batch.insert([PROMPT[:1]], logits_processors=[[GrammarProcessor(tiny.grammar("[a-f]{9,20}"))]])
    batch.remove([first[1]])
    drain(batch, results)
    assert matches(results[first[0]])
    assert matches(results[second[0]], "[a-f]{9,20}")


def test_rows_of_a_batch_take_prompt_caches_and_other_processors(model):
    """Rows of a batch are reordered as they end: the short ones leave first."""
    patterns = ["[a-f]{30}", "x", "[g-p]{12,14}", "yes|no"]
    caches = [make_prompt_cache(model) for _ in patterns]
    for number, cache in enumerate(caches):
        model(mx.array([PROMPT[: number + 1]]), cache=cache)
    others = make_logits_processors(logit_bias={150: 1e6, 30: -5.0}, repetition_penalty=1.3, presence_penalty=0.5)
    batch = BatchGenerator(model, stop_tokens=[[tiny.END]], max_tokens=40)
    results: dict[int, list[int]] = {}
    uids = batch.insert(
        [[40]] * len(patterns),
        caches=caches,
        all_tokens=[PROMPT[: number + 1] for number in range(len(patterns))],
        logits_processors=[[GrammarProcessor(tiny.grammar(pattern)), *others] for pattern in patterns],
    )
    drain(batch, results)
    for uid, pattern in zip(uids, patterns, strict=True):
        assert matches(results[uid], pattern), pattern


# ---------------------------------------------------------------- mlx-lm's own functions


@pytest.fixture(scope="module")
def loaded(tmp_path_factory) -> LoadedModel:
    """Random weights, and a real tokenizer of single bytes."""
    return load_model(str(tiny.write_model(tmp_path_factory.mktemp("model"))))


def constrained(loaded: LoadedModel, **options) -> list[GrammarProcessor]:
    grammar = CompiledGrammar(Terminal(compile_rust(PATTERN)), vocabulary_of(*loaded))
    return [GrammarProcessor(grammar, **options)]


@pytest.mark.parametrize("options", CACHES.values(), ids=CACHES)
def test_generate_and_stream_generate_take_it(loaded, options):
    asked = {"prompt": "Hello!", "max_tokens": 40, **options}
    text = mlx_lm.generate(*loaded, logits_processors=constrained(loaded, max_tokens=40), **asked)
    pieces = mlx_lm.stream_generate(*loaded, logits_processors=constrained(loaded, max_tokens=40), **asked)
    assert re.fullmatch(PATTERN, text)
    assert "".join(piece.text for piece in pieces) == text


def test_batch_generate_gives_all_rows_the_same_processor(loaded):
    prompts = [
        loaded.tokenizer.encode(text) for text in ("Hello!", "Who are you?", "ab", "Hello!", "A very long prompt.")
    ]
    made = mlx_lm.batch_generate(
        *loaded,
        prompts,
        max_tokens=40,
        logits_processors=constrained(loaded, max_tokens=40),
        completion_batch_size=3,
    )
    for prompt, text in zip(prompts, made.texts, strict=True):
        alone = mlx_lm.generate(*loaded, prompt, max_tokens=40, logits_processors=constrained(loaded, max_tokens=40))
        assert text == alone
        assert re.fullmatch(PATTERN, text)


def test_a_processor_with_a_budget_needs_no_more_than_that(model):
    for seed in range(5):
        processor = GrammarProcessor(tiny.grammar(PATTERN), max_tokens=9 + seed)
        tokens = run(model, sampler=hot(seed), logits_processors=[processor])
        assert matches(tokens)
        assert tokens.index(tiny.END) < 9 + seed
    with pytest.raises(BudgetTooSmall):
        GrammarProcessor(tiny.grammar(PATTERN), max_tokens=8)


# ---------------------------------------------------------------- the history alone


def allowed(processor: GrammarProcessor, history: list[int]) -> set[int]:
    logits = processor(mx.array(history), mx.zeros((1, tiny.PADDED)))
    return set(np.flatnonzero(np.isfinite(np.array(logits[0]))).tolist())


def ids(text: str) -> list[int]:
    return [tiny.SPELLINGS.index(character.encode()) for character in text]


def test_the_state_is_read_off_the_history():
    processor = GrammarProcessor(tiny.grammar("ab(cd|ef)"))
    steps = [
        ("", "a", "ab"),
        ("ab", "c", "e"),
        ("abc", "d"),
        ("ab", "c", "e"),
        ("abe", "f"),
        ("abef", "END"),
        ("a", "b"),
    ]
    for text, *expected in steps:
        found = allowed(processor, [*PROMPT, *ids(text)])
        assert {tiny.END if e == "END" else tiny.SPELLINGS.index(e.encode()) for e in expected} <= found, text


def test_calling_twice_for_one_position_changes_nothing():
    processor = GrammarProcessor(tiny.grammar("abc"))
    assert allowed(processor, PROMPT) == allowed(processor, PROMPT)
    assert allowed(processor, [*PROMPT, *ids("a")]) == allowed(processor, [*PROMPT, *ids("a")])


def test_several_tokens_may_arrive_at_once():
    processor = GrammarProcessor(tiny.grammar("abc"))
    allowed(processor, PROMPT)
    assert allowed(processor, [*PROMPT, *ids("ab")]) == set(ids("c"))


def test_what_follows_the_end_is_ignored():
    processor = GrammarProcessor(tiny.grammar("ab"))
    allowed(processor, PROMPT)
    assert allowed(processor, [*PROMPT, *ids("ab"), tiny.END, 50, 60]) == {tiny.END}
    assert allowed(processor, [*PROMPT, *ids("a")]) == set(ids("b"))


def test_sequences_are_told_apart_by_their_prompts():
    processor = GrammarProcessor(tiny.grammar("ab(cd|ef)"))
    one, other = PROMPT, [tiny.START, 50, 51]
    for text, expected in (("", "a"), ("a", "b"), ("ab", "c"), ("abc", "d")):
        assert set(ids(expected)) <= allowed(processor, [*one, *ids(text)])
        assert set(ids("a")) <= allowed(processor, other)
    assert allowed(processor, [*other, *ids("abe")]) == set(ids("f"))
    assert allowed(processor, [*one, *ids("abc")]) == set(ids("d"))


def test_a_matcher_is_one_sequence():
    processor = GrammarProcessor(tiny.grammar("abc").matcher())
    allowed(processor, [*PROMPT])
    allowed(processor, [*PROMPT, *ids("ab")])
    assert allowed(processor, [tiny.START, 50]) >= set(ids("a"))


def test_a_shorter_history_than_the_prompt_is_a_new_sequence():
    processor = GrammarProcessor(tiny.grammar("abc"))
    allowed(processor, PROMPT)
    allowed(processor, [*PROMPT, *ids("ab")])
    assert allowed(processor, PROMPT[:2]) >= set(ids("a"))


def test_a_token_that_was_masked_is_an_error():
    processor = GrammarProcessor(tiny.grammar("abc"))
    allowed(processor, PROMPT)
    with pytest.raises(TokenRefused):
        allowed(processor, [*PROMPT, *ids("z")])
    assert allowed(processor, [*PROMPT, *ids("a")]) >= set(ids("b"))


def test_padding_of_the_logits_is_forbidden():
    assert max(allowed(GrammarProcessor(tiny.grammar("(?s:.*)")), PROMPT)) < len(tiny.SPELLINGS)


@pytest.mark.parametrize("dtype", [mx.float16, mx.bfloat16])
def test_half_precision_logits_keep_their_type(dtype):
    processor = GrammarProcessor(tiny.grammar("abc"))
    assert processor(mx.array(PROMPT), mx.zeros((1, tiny.PADDED), dtype)).dtype == dtype

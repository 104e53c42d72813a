"""Generate one sequence, token by token: the plain loop.

    prompt --prefill--> logits --mask--> sample --> token --+--> yielded
                          ^                                 |
                          +---------- forward <-------------+

A pass is started as soon as its input is known, and the mask is computed while the model runs. The token
is the only thing read back from the device.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Unpack, cast

import mlx.core as mx
import numpy as np
from mlx_lm.generate import wired_limit
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.tokenizer_utils import TokenizerWrapper
from numpy.typing import NDArray

from constrained.matcher import CompiledGrammar, Matcher
from constrained.runtime.constraint import Constraint, Grammar, constraint_of
from constrained.runtime.evaluation import finish, start
from constrained.runtime.generated import Finish, GeneratedToken, Generation
from constrained.runtime.models import LanguageModel, Prompt, prompt_ids, vocabulary_of
from constrained.runtime.sampling import Sampler, Sampling
from constrained.runtime.selection import Row, select
from constrained.vocabulary.vocabulary import Vocabulary

PREFILL = 2048  # prompt tokens in one pass


def stream(
    model: LanguageModel,
    tokenizer: TokenizerWrapper,
    prompt: Prompt,
    grammar: Grammar | Constraint | None = None,
    *,
    max_tokens: int = 256,
    observe: int = 0,
    **sampling: Unpack[Sampling],
) -> Iterator[GeneratedToken]:
    """Generate after `prompt` (text or token ids), one event per token, the end token included.

    `grammar` must be compiled for this model's vocabulary (see `vocabulary_of`); a matcher continues
    from where it is, and None leaves the model free. `observe` notes on every token what the model wanted
    before the mask, with so many alternatives (see `Observation`). `sampling` as in `Sampler`: the default
    takes the likeliest token. Raises ValueError for an empty prompt or an argument out of range, and, while
    running, ModelError if the model's logits are not numbers.
    """
    if max_tokens < 1:
        raise ValueError(f"max_tokens must be at least 1, not {max_tokens}")
    sampler = Sampler(**sampling)
    constraint = None if grammar is None else constraint_of(grammar)
    vocabulary = _vocabulary_behind(grammar) or vocabulary_of(model, tokenizer)
    return _run(model, vocabulary, prompt_ids(tokenizer, prompt), constraint, sampler, max_tokens, observe)


def generate(
    model: LanguageModel,
    tokenizer: TokenizerWrapper,
    prompt: Prompt,
    grammar: Grammar | Constraint | None = None,
    *,
    max_tokens: int = 256,
    observe: int = 0,
    **sampling: Unpack[Sampling],
) -> Generation:
    """Collect what `stream` yields for the same arguments."""
    tokens = stream(model, tokenizer, prompt, grammar, max_tokens=max_tokens, observe=observe, **sampling)
    return Generation(tuple(tokens), _vocabulary_behind(grammar) or vocabulary_of(model, tokenizer))


@dataclass(frozen=True, slots=True, eq=False)
class Guide:
    """What the grammar says about one position."""

    mask: NDArray[np.uint32]  # (W,)
    forced: bytes  # what must follow, b"" if there is a choice


def _vocabulary_behind(grammar: Grammar | Constraint | None) -> Vocabulary | None:
    match grammar:
        case CompiledGrammar():
            return grammar.vocabulary
        case Matcher():
            return grammar.grammar.vocabulary
        case _:
            return None


def _run(
    model: LanguageModel,
    vocabulary: Vocabulary,
    prompt: list[int],
    constraint: Constraint | None,
    sampler: Sampler,
    max_tokens: int,
    observe: int,
) -> Iterator[GeneratedToken]:
    with wired_limit(cast("Any", model)):
        cache = make_prompt_cache(cast("Any", model))
        logits = _forward(model, _prefill(model, prompt, cache), cache)
        for position in range(max_tokens):
            guide = None if constraint is None else Guide(constraint.bitmask(), constraint.forced_bytes())
            row = Row(sampler, position, None if guide is None else guide.mask, observe=observe)
            (picked,) = select(logits, [row]).read()
            ended = _advance(constraint, picked.token) if constraint else picked.token in vocabulary.eos_token_ids
            why = "stop" if ended else "length" if position + 1 == max_tokens else None
            if not why:
                logits = _forward(model, [picked.token], cache)
            event = token_event(picked.token, picked.logprob, guide, vocabulary, why)
            yield replace(event, observation=picked.observation) if observe else event
            if why:
                return


def _prefill(model: LanguageModel, prompt: list[int], cache: list[Any]) -> list[int]:
    """Read all but the last token of the prompt into the cache; return the rest: that one."""
    for first in range(0, len(prompt) - 1, PREFILL):
        model(mx.array([prompt[first : min(first + PREFILL, len(prompt) - 1)]]), cache=cache)
        finish([layer.state for layer in cache])  # the cache alone: nobody needs these logits
    return prompt[-1:]


def _forward(model: LanguageModel, tokens: list[int], cache: list[Any]) -> mx.array:
    """Start the pass over `tokens` and return the logits (1, V) after the last of them, not yet computed."""
    logits = model(mx.array([tokens]), cache=cache)[:, -1, :]
    start(logits)
    return logits


def _advance(constraint: Constraint, token: int) -> bool:
    """Consume a token; return whether it ended the sequence."""
    constraint.advance(token)
    return constraint.is_finished


def token_event(
    token: int, logprob: float, guide: Guide | None, vocabulary: Vocabulary, why: Finish | None
) -> GeneratedToken:
    """What is said about a token that was chosen under `guide`."""
    text = vocabulary.spellings[token] or b""
    if guide is None:
        return GeneratedToken(token, text, forced=False, removed=0.0, logprob=logprob, finish_reason=why)
    allowed = int(np.bitwise_count(guide.mask).sum())
    forced = allowed == 1 or (text != b"" and guide.forced.startswith(text))
    removed = 1 - allowed / vocabulary.size
    return GeneratedToken(token, text, forced=forced, removed=removed, logprob=logprob, finish_reason=why)


def forced_event(token: int, vocabulary: Vocabulary, why: Finish | None) -> GeneratedToken:
    """What is said about a token that had to follow, and that the model was not asked for."""
    text = vocabulary.spellings[token] or b""
    return GeneratedToken(token, text, forced=True, removed=1 - 1 / vocabulary.size, logprob=None, finish_reason=why)

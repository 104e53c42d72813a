"""Generate one sequence: the model is asked only where there is something to decide.

    prompt --prefill--> pass --mask--> sample --> token, and the tokens that must follow it --+--> yielded
                         ^                                                                    |
                         +------------------------- one pass over all of them ----------------+

A pass is started as soon as its input is known, and the mask is computed while the model runs. The token
is the only thing read back from the device. Where nothing is taken without asking (no grammar, or no fast-forward)
a pass is started before its input is known to us: the device has it.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Unpack, cast

import mlx.core as mx
from mlx_lm.generate import wired_limit
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.tokenizer_utils import TokenizerWrapper

from constrained.budget import Budgeted
from constrained.matcher import CompiledGrammar, Matcher
from constrained.runtime.answer import Answer, SequenceRequest
from constrained.runtime.constraint import Constraint, Grammar, constraint_of, guide_of
from constrained.runtime.evaluation import finish, start
from constrained.runtime.generated import GeneratedToken, Generation
from constrained.runtime.models import LanguageModel, Prompt, prompt_ids, vocabulary_of
from constrained.runtime.sampling import Sampler, Sampling
from constrained.runtime.selection import Adjustments, select
from constrained.runtime.stopping import Stops
from constrained.sections import Limited, LimitedGrammar
from constrained.vocabulary.vocabulary import Vocabulary

PREFILL = 2048  # prompt tokens in one pass


class Options(Sampling, total=False):
    """How to generate, besides how to sample (see `Sampler`).

    max_tokens    tokens at most, the end token included; with a grammar the text is complete by then (256)
    fast_forward  take the tokens that must follow without asking the model (True)
    stop          texts before which the answer ends, where the grammar lets it end
    adjustments   bias and penalties
    top_logprobs  of how many of the likeliest tokens every token reports the log-probability (0)
    logprobs_of_forced  report log-probabilities of the tokens that must follow, too (False)
    observe       note on every token what the model wanted before the mask, with so many alternatives (0)
    """

    max_tokens: int
    fast_forward: bool
    stop: Sequence[str]
    adjustments: Adjustments
    top_logprobs: int
    logprobs_of_forced: bool
    observe: int


def stream(
    model: LanguageModel,
    tokenizer: TokenizerWrapper | Vocabulary,
    prompt: Prompt,
    grammar: Grammar | Constraint | None = None,
    **options: Unpack[Options],
) -> Iterator[GeneratedToken]:
    """Generate after `prompt` (text or token ids), one event per token, the end token included.

    `tokenizer` may be a vocabulary that was read from the tokenizer's file. `grammar` must be compiled for this
    model's vocabulary (see `vocabulary_of`); a matcher continues from where it
    is, and None leaves the model free. `options` as in `Options` and `Sampler`: the default takes the likeliest
    token. Raises ValueError for an empty prompt or an argument out of range, BudgetTooSmall if no text of the
    grammar has at most `max_tokens` tokens, and, while running, ModelError if the model's logits are not numbers.
    """
    given = cast("dict[str, Any]", dict(options))
    sampler = Sampler(**{name: given.pop(name) for name in Sampling.__annotations__ if name in given})
    constraint = None if grammar is None else constraint_of(grammar)
    request = SequenceRequest(prompt=prompt_ids(tokenizer, prompt), constraint=constraint, sampler=sampler, **given)
    answer = Answer(request, _vocabulary_behind(grammar) or vocabulary_of(model, tokenizer))
    return _stopped(_run(model, answer), answer.stops)


def generate(
    model: LanguageModel,
    tokenizer: TokenizerWrapper | Vocabulary,
    prompt: Prompt,
    grammar: Grammar | Constraint | None = None,
    **options: Unpack[Options],
) -> Generation:
    """Collect what `stream` yields for the same arguments."""
    tokens = tuple(stream(model, tokenizer, prompt, grammar, **options))
    return Generation(tokens, _vocabulary_behind(grammar) or vocabulary_of(model, tokenizer))


def _vocabulary_behind(grammar: Grammar | Constraint | None) -> Vocabulary | None:
    match grammar:
        case CompiledGrammar() | LimitedGrammar():
            return grammar.vocabulary
        case Matcher():
            return grammar.grammar.vocabulary
        case Budgeted() | Limited():
            return grammar.matcher.grammar.vocabulary
        case _:
            return None


def _run(model: LanguageModel, answer: Answer) -> Iterator[GeneratedToken]:
    with wired_limit(cast("Any", model), [mx.default_stream(mx.default_device())]):
        cache = make_prompt_cache(cast("Any", model))
        unread = _prefill(model, list(answer.request.prompt), cache)
        loop = _forwarded if answer.constraint and answer.request.fast_forward else _ahead
        yield from loop(model, answer, cache, unread)


def _forwarded(model: LanguageModel, answer: Answer, cache: list[Any], unread: list[int]) -> Iterator[GeneratedToken]:
    """The picture above: what must follow a token is known before the pass that reads it."""
    said: list[GeneratedToken] = []  # to be yielded as soon as the model is busy
    with ThreadPoolExecutor(1, "mask") as worker:
        while True:
            forced = answer.take_forced()
            rows = [one.row for one in forced if one.row is not None]
            if not rows:
                said += map(answer.forced_event, forced)
            if answer.why and not rows:
                yield from said
                return
            unread += [one.token for one in forced]
            guide = None
            asking = worker.submit(guide_of, answer.constraint) if answer.constraint and not answer.why else None
            read = unread[:-1] if answer.why else unread
            logits = _forward(model, mx.array([read]), cache, len(rows) + (not answer.why))
            yield from said
            if asking:
                guide = asking.result()
            picks = select(logits, rows if answer.why else [*rows, answer.row(guide)]).read()
            for one, picked in zip(forced if rows else (), picks, strict=False):
                yield answer.event(picked, one.guide, one.why)
            if answer.why:
                return
            picked = picks[-1]
            said = [answer.event(picked, guide, answer.take(picked.token, steered=picked.steered))]
            if answer.why:
                yield from said
                return
            unread = [picked.token]


def _ahead(model: LanguageModel, answer: Answer, cache: list[Any], unread: list[int]) -> Iterator[GeneratedToken]:
    """Nothing is taken without asking, so the device goes on to the next pass while we read the last token.

    device   pick t | pass over t ........ | pick u | pass over u ....
    host            `- read t, mask for u -'        `- read u, mask for v
    """
    logits = _forward(model, mx.array([unread]), cache, 1)
    while True:
        guide = guide_of(answer.constraint) if answer.constraint else None
        selection = select(logits, [answer.row(guide)])
        selection.start()
        if answer.position + 1 < answer.request.max_tokens:
            logits = _forward(model, selection.tokens[None], cache, 1)
        (picked,) = selection.read()
        why = answer.take(picked.token, steered=picked.steered)
        yield answer.event(picked, guide, why)
        if why:
            return


def _stopped(tokens: Iterator[GeneratedToken], stops: Stops) -> Iterator[GeneratedToken]:
    """`tokens`, up to a stop string."""
    for token in tokens:
        yield from stops.feed(token)
        if stops.found is not None:
            return


def _prefill(model: LanguageModel, prompt: list[int], cache: list[Any]) -> list[int]:
    """Read all but the last token of the prompt into the cache; return the rest: that one."""
    for first in range(0, len(prompt) - 1, PREFILL):
        model(mx.array([prompt[first : min(first + PREFILL, len(prompt) - 1)]]), cache=cache)
        finish([layer.state for layer in cache])  # the cache alone: nobody needs these logits
    return prompt[-1:]


def _forward(model: LanguageModel, tokens: mx.array, cache: list[Any], rows: int) -> mx.array:
    """Start the pass over `tokens` (1, N) and return the logits (rows, V) after the last of them, not yet computed."""
    logits = model(tokens, cache=cache)[0, -rows:, :]
    start(logits)
    return logits

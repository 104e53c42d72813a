"""Generate one sequence: the model is asked only where there is something to decide.

    prompt --prefill--> pass --mask--> sample --> token, and the tokens that must follow it --+--> yielded
                         ^                                                                    |
                         +------------------------- one pass over all of them ----------------+

A pass is started as soon as its input is known, and the mask is computed while the model runs. The token
is the only thing read back from the device.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Unpack, cast

import mlx.core as mx
from mlx_lm.generate import wired_limit
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.tokenizer_utils import TokenizerWrapper

from constrained.budget import Budgeted
from constrained.matcher import CompiledGrammar, Matcher
from constrained.runtime.constraint import Constraint, Grammar, Guide, budgeted, constraint_of, guide_of
from constrained.runtime.evaluation import finish, start
from constrained.runtime.generated import Finish, GeneratedToken, Generation, finish_of, forced_event, token_event
from constrained.runtime.models import LanguageModel, Prompt, prompt_ids, vocabulary_of
from constrained.runtime.sampling import Sampler, Sampling
from constrained.runtime.selection import UNADJUSTED, Adjustments, Picked, Row, select
from constrained.runtime.stopping import Stops
from constrained.sections import Limited
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
    tokenizer: TokenizerWrapper,
    prompt: Prompt,
    grammar: Grammar | Constraint | None = None,
    **options: Unpack[Options],
) -> Iterator[GeneratedToken]:
    """Generate after `prompt` (text or token ids), one event per token, the end token included.

    `grammar` must be compiled for this model's vocabulary (see `vocabulary_of`); a matcher continues from where it
    is, and None leaves the model free. `options` as in `Options` and `Sampler`: the default takes the likeliest
    token. Raises ValueError for an empty prompt or an argument out of range, BudgetTooSmall if no text of the
    grammar has at most `max_tokens` tokens, and, while running, ModelError if the model's logits are not numbers.
    """
    asked = _asked(options)
    constraint = None if grammar is None else budgeted(constraint_of(grammar), asked.max_tokens)
    vocabulary = _vocabulary_behind(grammar) or vocabulary_of(model, tokenizer)
    asked.adjustments.check(vocabulary.size)
    sequence = _Sequence(asked, vocabulary, prompt_ids(tokenizer, prompt), constraint)
    return _stopped(_run(model, sequence), Stops(asked.stop, constraint))


def generate(
    model: LanguageModel,
    tokenizer: TokenizerWrapper,
    prompt: Prompt,
    grammar: Grammar | Constraint | None = None,
    **options: Unpack[Options],
) -> Generation:
    """Collect what `stream` yields for the same arguments."""
    tokens = tuple(stream(model, tokenizer, prompt, grammar, **options))
    return Generation(tokens, _vocabulary_behind(grammar) or vocabulary_of(model, tokenizer))


def _vocabulary_behind(grammar: Grammar | Constraint | None) -> Vocabulary | None:
    match grammar:
        case CompiledGrammar():
            return grammar.vocabulary
        case Matcher():
            return grammar.grammar.vocabulary
        case Budgeted() | Limited():
            return grammar.matcher.grammar.vocabulary
        case _:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The options, complete."""

    sampler: Sampler
    max_tokens: int = 256
    fast_forward: bool = True
    stop: Sequence[str] = ()
    adjustments: Adjustments = UNADJUSTED
    top_logprobs: int = 0
    logprobs_of_forced: bool = False
    observe: int = 0

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens must be at least 1, not {self.max_tokens}")
        if self.top_logprobs < 0:
            raise ValueError(f"top_logprobs must not be negative, not {self.top_logprobs}")


def _asked(options: Options) -> _Asked:
    given = dict(options)
    sampling = {name: given.pop(name) for name in Sampling.__annotations__ if name in given}
    return _Asked(sampler=Sampler(**cast("Any", sampling)), **cast("Any", given))


class _Sequence:
    """What was said so far, and what may be said next."""

    def __init__(self, asked: _Asked, vocabulary: Vocabulary, prompt: list[int], constraint: Constraint | None) -> None:
        self.asked = asked
        self.prompt = prompt
        self.constraint = constraint
        self.why: Finish | None = None  # it is over
        self._vocabulary = vocabulary
        self._answer: Counter[int] = Counter()
        self._position = 0
        self._steered = False

    def row(self, guide: Guide | None, given: int | None = None) -> Row:
        """How the next token is picked, or what is asked about the one that is given."""
        asked, answer = self.asked, self._answer if given is None else dict(self._answer)
        return Row(
            asked.sampler,
            self._position,
            None if guide is None else guide.mask,
            asked.top_logprobs,
            asked.adjustments,
            self.prompt,
            answer,
            asked.observe,
            given,
            None if guide is None else guide.whole,
        )

    def take(self, token: int, *, steered: bool = False) -> Finish | None:
        """Say a token; return why it is the last one, if it is."""
        if self.constraint is not None:
            self.constraint.advance(token)
        self._steered |= steered
        self._answer[token] += 1
        self._position += 1
        over = token in self._vocabulary.eos_token_ids if self.constraint is None else self.constraint.is_finished
        full = self._position == self.asked.max_tokens
        self.why = finish_of(self.constraint, over=over, full=full, steered=self._steered)
        return self.why

    def take_forced(self) -> "list[_Forced]":
        """Say the tokens that must follow."""
        tokens = self.constraint.forced_tokens() if self.constraint and self.asked.fast_forward else []
        looks = self.asked.logprobs_of_forced or self.asked.observe > 0
        found: list[_Forced] = []
        for token in tokens:
            guide = guide_of(self.constraint) if self.constraint and looks else None
            row = self.row(guide, token) if guide else None
            found.append(_Forced(token, guide, row, self.take(token)))
            if self.why:
                break
        return found

    def event(self, picked: Picked, guide: Guide | None, why: Finish | None) -> GeneratedToken:
        """What is said about a token that the model was asked for."""
        event = token_event(picked.token, picked.logprob, guide, self._vocabulary, why)
        return replace(event, steered=picked.steered, top_logprobs=picked.top, observation=picked.observation)

    def forced_event(self, one: "_Forced") -> GeneratedToken:
        """What is said about a token that the model was not asked for."""
        return forced_event(one.token, self._vocabulary, one.why)


@dataclass(frozen=True, slots=True, eq=False)
class _Forced:
    """A token that had to follow; guide and row if its log-probability is asked for."""

    token: int
    guide: Guide | None
    row: Row | None
    why: Finish | None


def _run(model: LanguageModel, sequence: _Sequence) -> Iterator[GeneratedToken]:
    with wired_limit(cast("Any", model)), ThreadPoolExecutor(1, "mask") as worker:
        cache = make_prompt_cache(cast("Any", model))
        unread = _prefill(model, sequence.prompt, cache)
        said: list[GeneratedToken] = []  # to be yielded as soon as the model is busy
        while True:
            forced = sequence.take_forced()
            rows = [one.row for one in forced if one.row is not None]
            if not rows:
                said += map(sequence.forced_event, forced)
            if sequence.why and not rows:
                yield from said
                return
            unread += [one.token for one in forced]
            guide = None
            asking = worker.submit(guide_of, sequence.constraint) if sequence.constraint and not sequence.why else None
            logits = _forward(model, unread[:-1] if sequence.why else unread, cache, len(rows) + (not sequence.why))
            yield from said
            if asking:
                guide = asking.result()
            picks = select(logits, rows if sequence.why else [*rows, sequence.row(guide)]).read()
            for one, picked in zip(forced if rows else (), picks, strict=False):
                yield sequence.event(picked, one.guide, one.why)
            if sequence.why:
                return
            picked = picks[-1]
            said = [sequence.event(picked, guide, sequence.take(picked.token, steered=picked.steered))]
            if sequence.why:
                yield from said
                return
            unread = [picked.token]


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


def _forward(model: LanguageModel, tokens: list[int], cache: list[Any], rows: int) -> mx.array:
    """Start the pass over `tokens` and return the logits (rows, V) after the last of them, not yet computed."""
    logits = model(mx.array([tokens]), cache=cache)[0, -rows:, :]
    start(logits)
    return logits

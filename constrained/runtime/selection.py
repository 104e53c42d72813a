"""From the logits of a step to the tokens of its rows: the same for one sequence and for a batch.

    logits (B, V)  --mask-->  -inf where forbidden  --adjust-->  bias and penalties  --sampler-->  token (B,)
                                                                        `-- normalised: log-probabilities

The mask comes first, and what is added to -inf or multiplied with it is -inf: no bias brings a masked
token back. Log-probabilities are those of the distribution after mask and adjustments, before the
temperature. Nothing is computed before `Selection.read`, so a pass and its selection are one wait.
Where the mask leaves few tokens, only their logits are looked at (few.py); on a GPU if it does so in every row.

Shapes: B rows, V logits, W mask words, K of the likeliest tokens.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from constrained.errors import ModelError
from constrained.observation import Alternative, Observation
from constrained.runtime.apply import apply_mask, is_on_gpu
from constrained.runtime.evaluation import finish, start
from constrained.runtime.few import choose_among, few_tokens
from constrained.runtime.listed import LANES, Ids
from constrained.runtime.sampling import Sampler, log_probabilities

Words = NDArray[np.uint32]  # (W,) bit t % 32 of word t // 32 is token t


@dataclass(frozen=True, slots=True)
class Adjustments:
    """What is done to the logits of the allowed tokens before one is picked. Defaults: nothing.

    logit_bias          token -> added to its logit
    repetition_penalty  the logit of a token in the prompt or the answer is divided by it (multiplied, if negative)
    presence_penalty    subtracted from the logit of a token that the answer holds
    frequency_penalty   subtracted once for every time that the answer holds it

    Raises ValueError for a value out of range.
    """

    logit_bias: Mapping[int, float] = field(default_factory=dict[int, float])
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0

    def __post_init__(self) -> None:
        for name in ("presence_penalty", "frequency_penalty"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"{name} must be a number, not {getattr(self, name)}")
        if not 0.0 < self.repetition_penalty < math.inf:
            raise ValueError(f"repetition_penalty must be a number above 0, not {self.repetition_penalty}")
        for token, bias in self.logit_bias.items():
            if token < 0 or not math.isfinite(bias):
                raise ValueError(f"logit_bias must give numbers to token ids, not {bias} to {token}")

    @property
    def is_nothing(self) -> bool:
        """Do all logits stay as they are?"""
        return not (self.logit_bias or self.presence_penalty or self.frequency_penalty or self.repetition_penalty != 1)

    def check(self, size: int) -> None:
        """Raise ValueError for a token id that a vocabulary of this size does not have."""
        if (largest := max(self.logit_bias, default=0)) >= size:
            raise ValueError(f"logit_bias names token {largest}, but the vocabulary has {size} tokens")

    def apply(self, logits: mx.array, prompt: Sequence[int], answer: Mapping[int, int]) -> mx.array:
        """Adjust the logits (1, V) float32 behind `prompt` and an answer that holds each token so many times."""
        if self.repetition_penalty != 1.0 and (seen := list(dict.fromkeys((*prompt, *answer)))):
            places = mx.array([seen])
            chosen = mx.take_along_axis(logits, places, axis=-1)
            by = self.repetition_penalty
            logits = mx.put_along_axis(logits, places, mx.where(chosen < 0, chosen * by, chosen / by), axis=-1)
        added = dict(self.logit_bias)
        if self.presence_penalty or self.frequency_penalty:
            for token, count in answer.items():
                added[token] = added.get(token, 0.0) - self.presence_penalty - self.frequency_penalty * count
        if added:
            places = mx.array([list(added)])
            chosen = mx.take_along_axis(logits, places, axis=-1)
            logits = mx.put_along_axis(logits, places, chosen + mx.array([list(added.values())]), axis=-1)
        return logits


UNADJUSTED = Adjustments()


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """How the next token of one sequence is picked.

    mask      (W,) the allowed tokens, None for all
    position  of the token in the answer: what randomness is a function of, together with the seed
    top       of how many of the likeliest tokens the log-probabilities are wanted
    observe   how many alternatives to note, before and after the mask; 0 does not look at what was wanted
    prompt    and `answer` (token -> how often it holds it): what the penalties look at
    given     the token that has to be taken, whose log-probability is asked for; None lets the sampler pick
    whole     (W,) the grammar's mask, where a budget has removed some of it; None elsewhere
    """

    sampler: Sampler
    position: int
    mask: Words | None = None
    top: int = 0
    adjustments: Adjustments = UNADJUSTED
    prompt: Sequence[int] = ()
    answer: Mapping[int, int] = field(default_factory=dict[int, int])
    observe: int = 0
    given: int | None = None
    whole: Words | None = None

    @property
    def asks_for_nothing(self) -> bool:
        """Is nothing wanted but a token that the mask allows, as likely as the model says?"""
        asked = self.top or self.observe or self.given is not None or self.whole is not None
        return not asked and self.adjustments.is_nothing


@dataclass(frozen=True, slots=True)
class Picked:
    """A token, its log-probability, and the likeliest tokens with theirs, the likeliest first.

    steered   without the budget it would have been another one: same logits, same sampler, same randomness
    """

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()
    observation: Observation | None = None
    steered: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """The distributions of a step before and after the mask, on the device, at the likeliest tokens of both.

    wanted (B,) uint32   what would have been picked without the mask
    ids (B, 2K) uint32   a token may come twice; before, after (B, 2K) float32 log-probabilities
    """

    wanted: mx.array
    ids: mx.array
    before: mx.array
    after: mx.array
    _counts: tuple[int, ...]

    @property
    def arrays(self) -> tuple[mx.array, ...]:
        """All of them, to be computed together."""
        return self.wanted, self.ids, self.before, self.after

    def read(self) -> list[Observation | None]:
        """One observation for each row; None for a row that did not ask."""
        wanted = cast("list[int]", self.wanted.tolist())
        ids = cast("list[list[int]]", self.ids.tolist())
        before, after = (cast("list[list[float]]", mx.exp(one).tolist()) for one in (self.before, self.after))
        rows = zip(wanted, ids, before, after, self._counts, strict=True)
        return [_observation(*row) if row[-1] else None for row in rows]


def _observation(
    wanted: int, ids: Sequence[int], before: Sequence[float], after: Sequence[float], most: int
) -> Observation:
    """One row, read. An allowed token's probabilities before and after the mask differ by the factor `kept`."""
    known = {token: Alternative(token, *pair) for token, *pair in zip(ids, before, after, strict=True)}
    first = sorted(known.values(), key=lambda one: -one.before)
    likely = {one.token for by in (first, sorted(first, key=lambda one: -one.after)) for one in by[:most]}
    allowed = max(first, key=lambda one: one.after)
    shown = tuple(one for one in first if one.token in likely and max(one.before, one.after) > 0)
    return Observation(wanted, min(1.0, allowed.before / allowed.after), shown)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What was picked for some rows.

    places            which rows
    tokens   (B,)    uint32
    logprobs (B,)    float32
    likeliest (B, K) uint32   and their log-probabilities (B, K); None where nobody asked
    """

    places: Sequence[int]
    tokens: mx.array
    logprobs: mx.array
    likeliest: tuple[mx.array, mx.array] | None
    _tops: tuple[int, ...]
    _observed: Observed | None = None
    _unsteered: mx.array | None = None  # (B,) what would have been picked without budgets

    def read(self) -> list[Picked | ModelError]:
        """The values, once they are computed, one for each row; an error for those whose logits were not numbers."""
        tokens = cast("list[int]", self.tokens.tolist())
        logprobs = cast("list[float]", self.logprobs.tolist())
        tops = self._read_likeliest()
        observations = [None] * len(tokens) if self._observed is None else self._observed.read()
        unsteered = tokens if self._unsteered is None else cast("list[int]", self._unsteered.tolist())
        steered = [one != other for one, other in zip(tokens, unsteered, strict=True)]
        return [
            ModelError("the model's logits are not numbers: there is nothing to choose from")
            if math.isnan(one[1])
            else Picked(*one)
            for one in zip(tokens, logprobs, tops, observations, steered, strict=True)
        ]

    @property
    def arrays(self) -> tuple[mx.array, ...]:
        """All of them, to be computed together."""
        observed = () if self._observed is None else self._observed.arrays
        unsteered = () if self._unsteered is None else (self._unsteered,)
        return (self.tokens, self.logprobs, *(self.likeliest or ()), *observed, *unsteered)

    def _read_likeliest(self) -> list[tuple[tuple[int, float], ...]]:
        if self.likeliest is None:
            return [()] * len(self._tops)
        ids, values = (cast("list[list[float]]", array.tolist()) for array in self.likeliest)
        found: list[tuple[tuple[int, float], ...]] = []
        for wanted, tokens, logprobs in zip(self._tops, ids, values, strict=True):
            pairs = [(int(token), one) for token, one in zip(tokens, logprobs, strict=True) if one > -math.inf]
            found.append(tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:wanted]))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """What was picked, on the device, perhaps not yet computed: in parts, since few tokens are chosen among faster."""

    parts: Sequence[Part]

    @property
    def tokens(self) -> mx.array:
        """(B,) uint32: may be the next pass's input without being read."""
        if len(self.parts) == 1:
            return self.parts[0].tokens
        order = np.argsort(np.concatenate([part.places for part in self.parts]))
        return mx.concatenate([part.tokens for part in self.parts])[mx.array(order)]

    def start(self) -> None:
        """Begin to compute."""
        start(*(array for part in self.parts for array in part.arrays))

    def read(self) -> list[Picked]:
        """Wait for the values, one for each row. Raises ModelError if the logits of any were not numbers."""
        picked = self.read_each()
        for one in picked:
            if isinstance(one, ModelError):
                raise one
        return cast("list[Picked]", picked)

    def read_each(self) -> list[Picked | ModelError]:
        """Wait for the values, one for each row; an error for those whose logits were not numbers."""
        finish(*(array for part in self.parts for array in part.arrays))
        picked = {place: one for part in self.parts for place, one in zip(part.places, part.read(), strict=True)}
        return [picked[place] for place in range(len(picked))]


def select(logits: mx.array, rows: Sequence[Row]) -> Selection:
    """Pick a token for every row of `logits` (B, V), of any float type. Lazy: see `Selection.read`.

    A row's token depends on that row alone, whoever else is in the batch.
    """
    few: dict[int, Ids] = {}
    for place, row in enumerate(rows):
        if row.mask is not None and row.asks_for_nothing:
            allowed = few_tokens(row.mask, logits.shape[-1])
            if allowed is not None:
                few[place] = allowed
    if len(few) < len(rows) and is_on_gpu():  # starting what two parts take costs more than the logits they leave out
        few.clear()
    many = [place for place in range(len(rows)) if place not in few]
    parts: list[Part] = []
    if many:
        some = logits if len(many) == len(rows) else logits[mx.array(many)]
        parts.append(_select(some, [rows[place] for place in many], many))
    if few:
        samplers = [(rows[place].sampler, rows[place].position) for place in few]
        tokens, logprobs = choose_among(logits, list(few), list(few.values()), samplers)
        parts.append(Part(list(few), tokens, logprobs, None, (0,) * len(few)))
    return Selection(parts)


def _select(logits: mx.array, rows: Sequence[Row], places: Sequence[int]) -> Part:
    """Pick from the whole vocabulary."""
    words = pack([row.mask for row in rows], logits.shape[-1])
    logprobs = distribution(logits if words is None else apply_mask(logits, words), rows)
    tokens = _impose(_choose(logprobs, rows), rows)
    chosen = mx.take_along_axis(logprobs, tokens[:, None], axis=-1)[:, 0]
    tops = tuple(row.top for row in rows)
    observed = _observe(distribution(logits, rows), logprobs, rows) if any(row.observe for row in rows) else None
    likeliest = _likeliest(logprobs, max(tops)) if any(tops) else None
    return Part(places, tokens, chosen, likeliest, tops, observed, _unsteered(logits, tokens, rows))


def _unsteered(logits: mx.array, tokens: mx.array, rows: Sequence[Row]) -> mx.array | None:
    """(B,) `tokens`, but where a budget removed some, what would have been picked without it; None if none did."""
    if all(row.whole is None for row in rows):
        return None
    picked: list[mx.array] = []
    for i, row in enumerate(rows):
        whole = None if row.given is not None else row.whole
        if whole is not None:
            picked.append(_choose(distribution(apply_mask(logits[i : i + 1], whole), [row]), [row]))
        else:
            picked.append(tokens[i : i + 1])
    return mx.concatenate(picked)


def _choose(logprobs: mx.array, rows: Sequence[Row]) -> mx.array:
    """(B,) uint32: what the rows' samplers take from (B, V)."""
    if all(row.sampler.temperature == 0.0 for row in rows):
        return mx.argmax(logprobs, axis=-1)
    return mx.concatenate([row.sampler.choose(logprobs[i : i + 1], row.position) for i, row in enumerate(rows)])


def _impose(tokens: mx.array, rows: Sequence[Row]) -> mx.array:
    """(B,) uint32: `tokens`, but where one is given, that."""
    if all(row.given is None for row in rows):
        return tokens
    given = mx.array([-1 if row.given is None else row.given for row in rows])
    return mx.where(given < 0, tokens, given).astype(mx.uint32)


def _observe(before: mx.array, after: mx.array, rows: Sequence[Row]) -> Observed:
    """What the rows' samplers would have taken from `before` (B, V), beside what the mask left of it, `after`."""
    most = max(row.observe for row in rows)
    ids = mx.concatenate([_likeliest(before, most)[0], _likeliest(after, most)[0]], axis=-1)
    at = (mx.take_along_axis(before, ids, axis=-1), mx.take_along_axis(after, ids, axis=-1))
    return Observed(_choose(before, rows), ids, *at, tuple(row.observe for row in rows))


def distribution(masked: mx.array, rows: Sequence[Row]) -> mx.array:
    """(B, V) float32: the log-probabilities that the rows' tokens are drawn from, after their adjustments."""
    if all(row.adjustments.is_nothing for row in rows):
        return log_probabilities(masked)
    logits = masked.astype(mx.float32)
    adjusted = [row.adjustments.apply(logits[i : i + 1], row.prompt, row.answer) for i, row in enumerate(rows)]
    return log_probabilities(mx.concatenate(adjusted))


def pack(masks: Sequence[Words | None], width: int) -> Words | None:
    """(B, W): the masks of a batch for logits of this width, all bits set where a row has none; None if no row has."""
    if all(mask is None for mask in masks):
        return None
    packed = np.zeros((len(masks), -(-width // LANES)), np.uint32)
    for row, mask in zip(packed, masks, strict=True):
        if mask is None:
            row[:] = 0xFFFFFFFF
        else:
            words = min(len(row), len(mask))
            row[:words] = mask[:words]
    return packed


def _likeliest(logprobs: mx.array, most: int) -> tuple[mx.array, mx.array]:
    """The K likeliest tokens of each row, in no order, with their log-probabilities."""
    most = min(most, logprobs.shape[-1])
    ids = mx.argpartition(-logprobs, kth=most - 1, axis=-1)[:, :most]
    return ids, mx.take_along_axis(logprobs, ids, axis=-1)

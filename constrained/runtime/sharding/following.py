"""The same plans on every rank: rank 0 sends each before it executes it itself.

    rank 0    schedule -> plan --+--> execute --> logits --> mask, sample --> token --> next plan
                                 |       |  ^
                           order |  collectives, or hidden states sent down the pipeline
                                 v       |  |
    rank r                     plan --> execute                (no grammar, no sampler, no logits)

Every rank takes the same token because only rank 0 takes one: the token that a row reads in the next plan is
the token. What can still go wrong is a rank that does not do what it was told, so every order carries the
digest of what rank 0 has done before it (plans, and whose caches there are), and a rank whose own digest
differs stops all of them, one step after the difference arose.

Per step rank 0 sends one order to every other rank: about 100 bytes, 8 more for every row, and the tokens
of prompts. Nothing comes back but signs of life.

A rank must take part in every collective of every pass, wanted or not (the keys and values of the last
layer do not need its own sums). So every pass is started as a whole as soon as it is built.
"""

import hashlib
import json
import time
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, cast

import mlx.core as mx

from constrained.errors import ShardingError
from constrained.ranks.channel import SILENCE, Follower, Frame, Leader
from constrained.runtime.evaluation import finish, start
from constrained.runtime.models import LanguageModel
from constrained.runtime.plan import Begin, Join, Keep, Leave, Piece, Plan
from constrained.runtime.rows import Outcome, Rows

HEARSAY = 2.0  # seconds: who fails because another rank is lost is told which by rank 0, and ends before they are over

PARTS = {"leave": Leave, "begin": Begin, "keep": Keep, "join": Join}


class Ledger:
    """A digest of everything that was executed."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=8)

    def enter(self, written: Frame, held: object) -> None:
        """A plan was executed, and these caches are there now."""
        self._hash.update(json.dumps([written, held], separators=(",", ":")).encode())

    @property
    def digest(self) -> str:
        """Of all entries."""
        return self._hash.hexdigest()


class LeadingRows(Rows):
    """Rank 0's rows: whatever they execute, all ranks do."""

    runs_ahead = False

    def __init__(self, model: LanguageModel, channel: Leader) -> None:
        super().__init__(started_whole(model))
        self._channel = channel
        self._ledger = Ledger()

    def execute(self, plan: Plan) -> Outcome:
        """Order `plan`, and execute it. Raises ShardingError once a rank is lost."""
        written = {part: value for part, value in asdict(plan).items() if value}
        self._channel.order({"plan": written, "digest": self._ledger.digest})
        try:
            outcome = super().execute(plan)
        except RuntimeError:
            self._explain()
            raise
        if outcome.failed:
            self._explain()
            raise next(iter(outcome.failed.values()))  # here a prompt cannot fail alone: the others have read it
        self._ledger.enter(written, self.held)
        return outcome

    def clear(self) -> None:
        """Forget everything, everywhere."""
        self._channel.order({"clear": True})
        super().clear()

    def _explain(self) -> None:
        """A pass has failed: raise ShardingError if that is because a rank is lost."""
        if self._channel.wait_for_loss(SILENCE):
            assert self._channel.lost is not None
            raise self._channel.lost


def follow(model: LanguageModel, channel: Follower) -> None:
    """Execute what rank 0 orders until it says goodbye. Raises ShardingError if this rank cannot go on."""
    rows, ledger = Rows(_Silent(started_whole(model))), Ledger()
    for order in channel.orders():
        if "clear" in order:
            rows.clear()
            continue
        if order["digest"] != ledger.digest:
            raise _failed(channel, f"it has done something else than rank 0 ({ledger.digest}, not {order['digest']})")
        written = cast("dict[str, Any]", order["plan"])
        try:
            outcome = rows.execute(plan_from(written))
        except Exception as error:  # whatever it is, it is the end of this rank, and the others must know
            time.sleep(HEARSAY)
            raise _failed(channel, str(error)) from error
        if outcome.failed:
            raise _failed(channel, str(next(iter(outcome.failed.values()))))
        ledger.enter(written, rows.held)


def _failed(channel: Follower, reason: str) -> ShardingError:
    channel.fail(reason)
    return ShardingError(reason)


def plan_from(written: dict[str, Any]) -> Plan:
    """The plan that `asdict` and JSON made `written` from."""
    parts: dict[str, Any] = {part: tuple(kind(**one) for one in written.get(part, ())) for part, kind in PARTS.items()}
    parts["forget"] = tuple(written.get("forget", ()))
    parts["read"] = _pieces(written.get("read", ()))
    parts["passes"] = tuple(_pieces(one) for one in written.get("passes", ()))
    return Plan(**parts)


def _pieces(written: Iterable[dict[str, Any]]) -> tuple[Piece, ...]:
    return tuple(Piece(one["uid"], tuple(one["tokens"]), one["wanted"]) for one in written)


class _Silent:
    """A model on a rank that chooses nothing: its passes without their logits (B, T, 1)."""

    def __init__(self, model: Any) -> None:
        self._body = model.model
        self.layers = model.layers
        if hasattr(model, "make_cache"):
            self.make_cache = model.make_cache

    def __call__(self, inputs: mx.array, cache: list[Any] | None = None) -> mx.array:
        """Run the pass to its end."""
        finish(self._body(inputs, cache))
        return mx.zeros((*inputs.shape, 1))


def started_whole(model: Any) -> Any:
    """`model`, whose passes are started as a whole as soon as they are built."""
    body = model.model
    plain = cast("type[Any]", type(body))
    if not getattr(plain, "starts_whole", False):

        def call(self: Any, inputs: mx.array, cache: list[Any] | None = None, *more: Any, **named: Any) -> mx.array:
            hidden = plain.__call__(self, inputs, cache, *more, **named)
            if cache is not None:  # otherwise somebody asks for shapes only
                start(hidden)
            return hidden

        body.__class__ = type(plain.__name__, (plain,), {"__call__": call, "starts_whole": True})
    return model

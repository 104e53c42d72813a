"""What rank 0 executes, the others execute, too: here in one process, each with the whole model."""

import copy
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from constrained.errors import ShardingError
from constrained.runtime import batch
from constrained.runtime.batch import BatchEngine
from constrained.runtime.plan import Begin, Join, Keep, Leave, Piece, Plan
from constrained.runtime.sharding import following
from constrained.runtime.sharding.following import LeadingRows, follow, plan_from
from tests.runtime import tiny
from tests.runtime.test_batch import request, run, tokens_of


@pytest.fixture(autouse=True)
def tiny_vocabulary(monkeypatch):
    monkeypatch.setattr(batch, "vocabulary_of", lambda model, tokenizer: tiny.vocabulary())


class Wire:
    """A channel that keeps what rank 0 ordered, as it goes over the wire."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.failures: list[str] = []
        self.lost: ShardingError | None = None

    def order(self, frame: dict[str, Any]) -> None:
        self.sent.append(json.loads(json.dumps(frame)))

    def wait_for_loss(self, seconds: float) -> bool:
        return self.lost is not None

    def orders(self) -> Iterator[dict[str, Any]]:
        yield from self.sent

    def fail(self, reason: str) -> None:
        self.failures.append(reason)


@pytest.fixture(scope="module")
def led() -> tuple[Wire, list[list[int]]]:
    """Eight sequences through rank 0: what was ordered, and what they said."""
    wire, patch = Wire(), pytest.MonkeyPatch()
    patch.setattr(batch, "vocabulary_of", lambda model, tokenizer: tiny.vocabulary())
    model = tiny.model()
    # A step has less room than two prompts need, so that some are read alone whatever passes take here.
    engine = BatchEngine(model, None, max_batch=3, rows=LeadingRows(model, wire), prefill_step=16)
    uids = [engine.add(request(number)) for number in range(8)]
    events = run(engine)
    engine.close()
    patch.undo()
    return wire, [tokens_of(events, uid) for uid in uids]


def test_what_rank_0_says_does_not_depend_on_the_others(led):
    _, said = led
    engine = BatchEngine(tiny.model(), None, max_batch=3)
    uids = [engine.add(request(number)) for number in range(8)]
    events = run(engine)
    engine.close()
    assert said == [tokens_of(events, uid) for uid in uids]


def test_another_rank_can_follow_to_the_end(led):
    wire, _ = led
    follow(tiny.model(), wire)
    assert wire.failures == []
    assert sum("plan" in order for order in wire.sent) > 20


def changed(orders: list[dict[str, Any]], where: int, part: str) -> list[dict[str, Any]]:
    """`orders`, of which one tells its rank something else than the others."""
    orders = copy.deepcopy(orders)
    found = [order["plan"] for order in orders if order.get("plan", {}).get(part)]
    entry = found[where][part][0][0] if part == "passes" else found[where][part][0]
    entry["tokens"] = [entry["tokens"][0] + 1, *entry["tokens"][1:]]
    return orders


@pytest.mark.parametrize(("where", "part"), [(0, "read"), (0, "passes"), (10, "passes")])
def test_a_rank_that_did_something_else_is_noticed_at_the_next_step(led, where, part):
    wire = Wire()
    wire.sent = changed(led[0].sent, where, part)
    with pytest.raises(ShardingError, match="something else than rank 0"):
        follow(tiny.model(), wire)
    assert len(wire.failures) == 1


def test_a_rank_that_cannot_execute_says_why(led, monkeypatch):
    monkeypatch.setattr(following, "HEARSAY", 0.0)

    class Broken:
        def __init__(self) -> None:
            self.model = tiny.model().model
            self.layers = self.model.layers

    broken = Broken()
    broken.model.norm.weight = broken.model.norm.weight[:3]
    wire = Wire()
    wire.sent = led[0].sent
    with pytest.raises(ShardingError, match="rms_norm"):
        follow(broken, wire)
    assert "rms_norm" in wire.failures[0]


def test_a_pass_that_fails_because_a_rank_is_lost_says_so():
    wire, model = Wire(), tiny.model()
    rows = LeadingRows(model, wire)
    wire.lost = ShardingError("rank 2 is lost: it closed the connection")
    with pytest.raises(ShardingError, match="rank 2 is lost"):
        engine_with(rows, model)


def engine_with(rows: LeadingRows, model: Any) -> None:
    """Run one sequence whose pass fails as it does when a connection breaks."""

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("[ring] connection to a peer was lost")

    rows._pass = broken  # type: ignore[method-assign]
    engine = BatchEngine(model, None, rows=rows)
    engine.add(request(0))
    (failed,) = [event for event in run(engine) if hasattr(event, "error")]
    raise failed.error


def test_a_plan_survives_the_wire():
    plan = Plan(
        (Leave(1), Leave(2, 7)),
        (3, 4),
        (Begin(5), Begin(6, 7, 12)),
        (Piece(5, (1, 2)),),
        (Keep(5, 9),),
        (Join(6, 8, 1),),
        ((Piece(6, (3,)), Piece(9, (4, 5))), (Piece(7, (8,)),)),
    )
    wire = Wire()
    wire.order({"plan": asdict(plan)})
    assert plan_from(wire.sent[0]["plan"]) == plan

"""Recorded requests with something wrong in them: an answer or a refusal, never a failure, never silence."""

import json
import random
from collections import Counter
from typing import Any

import pytest

from tests.server.conftest import KEY
from tests.support.client_requests import Recorded, recorded_requests
from tests.support.http_server import Answer, Server
from tests.support.mutations import garbled, mutated

LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
FINE = {200, 400, 404}
HANGS = 90  # seconds without a byte, after which a request counts as stuck


def request_body(recorded: Recorded) -> dict[str, Any]:
    """The request, for our model and a short answer; long prompts are cut."""
    body = {**recorded.body, "model": "tiny"}
    for key in ("messages", "input"):
        if isinstance(body.get(key), list):
            body[key] = body[key][:4]
    limits = {key: 12 for key in LIMITS if key in body} or {
        "max_output_tokens" if "input" in body else "max_tokens": 12
    }
    return {**body, **limits}


def wrong(answer: Answer) -> str | None:
    """What must not be in an answer."""
    if answer.status not in FINE:
        return f"status {answer.status}"
    if answer.headers["content-type"].startswith("text/event-stream"):
        last = answer.events[-1][1]
        if last != "[DONE]" and last.get("type") not in ("message_stop", "response.completed", "response.incomplete"):
            return f"a stream that ends with {last}"
        return None
    body = answer.body
    return None if answer.status == 200 or body["error"]["message"] else "a refusal without a message"


def run(server: Server, cases: int, seed: int, hangs: int = HANGS) -> Counter[int]:
    random_ = random.Random(seed)
    recorded = recorded_requests()
    if not recorded:
        pytest.skip("../shared/data/client_requests is not beside this checkout")
    seen: Counter[int] = Counter()
    problems: list[str] = []
    for case in range(cases):
        one = random_.choice(recorded)
        body: Any = mutated(request_body(one), random_, random_.choice([1, 1, 1, 2, 4]))
        raw = json.dumps(body).encode()
        if case % 10 == 0:
            raw = garbled(raw, random_)
        answer = server.post(one.path, raw, headers={"x-api-key": KEY}, timeout=hangs)
        if (what := wrong(answer)) is not None:
            problems.append(f"case {case} of seed {seed} ({one.name}): {what}\n{answer.raw[:600]!r}\n{raw!r}")
        assert len(problems) < 10, "\n".join(problems)
        seen[answer.status] += 1
    assert not problems, "\n".join(problems)
    assert server.get("/health").body == {"status": "ok", "pending": 0}
    return seen


@pytest.mark.shared
def test_requests_that_are_nearly_right_are_answered_or_refused(server: Server) -> None:
    seen = run(server, 120, seed=1)
    assert seen[200] > 10
    assert seen[400] > 10


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.timeout(7200)
def test_thousands_of_requests_that_are_nearly_right(server: Server) -> None:
    seed = random.randrange(1 << 30)
    seen = run(server, 4000, seed, hangs=1200)
    assert min(seen[200], seen[400]) > 300, seen

"""Five hundred requests from sixteen clients at once, a fifth of which hang up.

Every call and every answer that is complete must validate. At the end nothing is left: no answer pending, no
memory gone, and the process does as it is told.
"""

import random
import time
from pathlib import Path

import pytest

from tests.clients.eager_model import write_eager_model
from tests.soak.schemas import TOOLS
from tests.support.http_server import Server
from tests.support.load import random_case, run_clients
from tests.support.tokenizers import tokenizer_path

REQUESTS, CLIENTS = 500, 16
PATIENCE = 3600  # seconds for one request: the machine may be busy with other things
FLAGS = ("--max-concurrency", "8", "--max-queue", "64", "--prefix-cache-mb", "64", "--grammar-cache-mb", "256")
FLAGS += ("--timeout", str(PATIENCE))
GROWTH = 1.15  # of memory, from the first half to the second

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]


def soak(server: Server, requests: int, max_tokens: int) -> None:
    seed = 1
    random_ = random.Random(seed)
    answers = list(TOOLS.values())
    cases = [random_case(random_, TOOLS, answers, max_tokens) for _ in range(requests)]
    half = requests // 2
    sizes: list[int] = []
    for part in (cases[:half], cases[half:]):
        tally = run_clients(server, part, CLIENTS, seed, PATIENCE)
        assert not tally.problems, "\n".join(tally.problems[:5])
        assert tally.seen["call"] > len(part) / 5
        assert tally.seen["answer"] > len(part) / 10
        _wait_until_idle(server)
        sizes.append(server.resident_bytes)
    assert sizes[1] < sizes[0] * GROWTH, sizes
    assert server.metric("constrained_disconnects_total") > requests / 20
    assert server.stop() == 0


def _wait_until_idle(server: Server) -> None:
    until = time.monotonic() + 30
    while (health := server.get("/health").body)["pending"]:
        assert time.monotonic() < until, health
        time.sleep(0.1)
    assert health["status"] == "ok"


def test_a_server_under_load_with_random_weights(tmp_path: Path) -> None:
    model = write_eager_model(tmp_path / "eager", tokenizer_path("qwen3").parent, ())
    with Server("--model", str(model), *FLAGS, log=tmp_path / "log") as server:
        soak(server, REQUESTS, max_tokens=400)


@pytest.mark.model
def test_a_server_under_load_with_the_packaged_model(tmp_path: Path) -> None:
    with Server("--temperature", "1", *FLAGS, log=tmp_path / "log") as server:
        soak(server, REQUESTS, max_tokens=300)

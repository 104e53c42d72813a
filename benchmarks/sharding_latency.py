"""What does a slow network cost a sharded tool call, and how much of that does fast-forward save?

Claim: every pass of the model costs some computing and some ways of the network, so a call's time is

    passes * (compute + ways * way)     ways = N                       a pipeline of N ranks: the order to the first
                                                                       stage, then N - 1 times hidden states
                                        ways = 1 + sums * 2 (N - 1)    tensor: the order, then a ring's sums

and every pass that is not made because its tokens are forced saves all of that.

The network is this machine's own, with every connection between the ranks led through a relay that delivers
each piece some milliseconds after it came. (Sleeping, not computing: it costs no processor time.) What a way
really took is measured through the same relay. The model is the packaged one; the calls are those of the soak
test's tools, the likeliest tokens.
"""

import asyncio
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from statistics import median

from benchmarks.harness import Row, Size, row
from benchmarks.model_folder import model_folder
from constrained.ranks.place import place_from
from constrained.runtime import BatchEngine, SequenceRequest, chat_ids, vocabulary_of
from constrained.runtime.plan import Plan
from constrained.runtime.rows import Outcome
from constrained.runtime.sequence import SequenceFailed, TokenEvent
from constrained.runtime.sharding.following import LeadingRows
from constrained.runtime.sharding.joining import Sharding
from grammars import compile_json_schema
from server.sharded import Ranks
from tests.soak.schemas import TOOLS
from tests.support.ranks import Ranks as Processes

LAYERS = 30


@dataclass(frozen=True)
class Setting:
    """Ranks, and the delays to try them with."""

    ranks: int
    sharding: Sharding
    calls: int
    delays_ms: tuple[int, ...]

    @property
    def ways(self) -> int:
        """One-way trips of the network that follow one another in a pass."""
        return self.ranks if self.sharding == "pipeline" else 1 + 2 * LAYERS * 2 * (self.ranks - 1)


SETTINGS = (
    Setting(2, "pipeline", 4, (0, 1, 5, 20)),
    Setting(3, "pipeline", 4, (0, 5)),
    Setting(3, "tensor", 1, (0, 1)),
)


@dataclass(frozen=True)
class Measured:
    """All calls of one setting: seconds and passes in total; `way_ms` is what one way took, measured."""

    ranks: int
    sharding: Sharding
    delay_ms: int
    way_ms: float
    ways: int
    fast_forward: bool
    calls: int
    tokens: int
    passes: int
    seconds: float


# ---------------------------------------------------------------- the network


class Relays:
    """A port in front of each port, from which everything arrives `delay_ms` later."""

    def __init__(self, delay_ms: int) -> None:
        self._delay = delay_ms / 1000
        self._loop = asyncio.new_event_loop()
        self._ports: dict[int, int] = {}
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def reached(self, port: int) -> int:
        """The port of the relay in front of `port`."""
        if port not in self._ports:
            opened = asyncio.run_coroutine_threadsafe(self._open(port), self._loop)
            self._ports[port] = opened.result()
        return self._ports[port]

    async def _open(self, port: int) -> int:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while (there := await _opened(port)) is None:
                await asyncio.sleep(0.1)  # whoever listens there is still starting
            await asyncio.gather(self._carry(reader, there[1]), self._carry(there[0], writer))

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        return server.sockets[0].getsockname()[1]

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(1 << 20):
                self._loop.call_later(self._delay, writer.write, piece)
        self._loop.call_later(self._delay, writer.close)

    def way_ms(self) -> float:
        """What a way takes: half of a round trip of one byte, the median of many."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            near = socket.create_connection(("127.0.0.1", self.reached(listener.getsockname()[1])))
            far, _ = listener.accept()
            times: list[float] = []
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(50):
                began = time.perf_counter()
                near.sendall(b"x")
                far.sendall(far.recv(1))
                near.recv(1)
                times.append((time.perf_counter() - began) / 2)
            near.close()
            far.close()
        return median(times) * 1000


async def _opened(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    with suppress(OSError):
        return await asyncio.open_connection("127.0.0.1", port)
    return None


# ---------------------------------------------------------------- the ranks


class Counting(LeadingRows):
    """Rank 0's rows, counting passes."""

    passes = 0

    def execute(self, plan: Plan) -> Outcome:
        self.passes += len(plan.read) + len(plan.passes)
        return super().execute(plan)


def run_rank(model: str, sharding: Sharding, count: int) -> None:
    """One rank: rank 0 measures and prints, with and without fast-forward in turn."""
    place = place_from()
    assert place is not None
    ranks = Ranks(place, model, sharding, lambda line: None)
    vocabulary = vocabulary_of(*ranks.loaded)
    rows = Counting(ranks.loaded.model, ranks.channel)
    engine = BatchEngine(*ranks.loaded, rows=rows, prefix_cache_bytes=0)
    calls = [(name, compile_json_schema(TOOLS[name], vocabulary)) for name in list(TOOLS)[:count]]
    made: dict[bool, list[float]] = {}
    for fast_forward, asked in ((True, calls[:1]), (True, calls), (False, calls)):  # the first one warms up
        passes, tokens, seconds = rows.passes, 0, 0.0
        for name, grammar in asked:
            text = f"Call the tool {name}."
            prompt = chat_ids(ranks.loaded.tokenizer, [{"role": "user", "content": text}])
            engine.add(
                SequenceRequest(prompt=prompt, constraint=grammar.matcher(), max_tokens=200, fast_forward=fast_forward)
            )
            began = time.perf_counter()
            tokens += _run(engine)
            seconds += time.perf_counter() - began
        made[fast_forward] = [tokens, rows.passes - passes, seconds]
    engine.close()
    ranks.close()
    print(json.dumps([[fast_forward, *values] for fast_forward, values in made.items()]))


def _run(engine: BatchEngine) -> int:
    tokens = 0
    while not engine.idle:
        for event in engine.step():
            if isinstance(event, SequenceFailed):
                raise event.error
            tokens += isinstance(event, TokenEvent)
    return tokens


# ---------------------------------------------------------------- all of it


def measure(model: str, setting: Setting, delay_ms: int) -> Iterator[Measured]:
    """Start the ranks behind relays, and read what rank 0 measured."""
    relays = Relays(delay_ms)
    way_ms = relays.way_ms()
    command = ["-m", "benchmarks.sharding_latency", model, setting.sharding, str(setting.calls)]
    with Processes(setting.ranks, command, relays.reached) as processes:
        done = processes.finish(1200)
    assert all(code == 0 for code, _, _ in done), done
    for fast_forward, tokens, passes, seconds in json.loads(done[0][1]):
        yield Measured(
            setting.ranks, setting.sharding, delay_ms, round(way_ms, 2), setting.ways, fast_forward,
            setting.calls, int(tokens), int(passes), round(seconds, 3),
        )  # fmt: skip


def predicted(one: Measured, base: Measured) -> float:
    """Seconds by the cost model: what the passes cost without a delay, and what their ways cost more with it."""
    return one.passes * (base.seconds / base.passes + one.ways * (one.way_ms - base.way_ms) / 1000)


def rows_of(model: str, setting: Setting) -> Iterator[Row]:
    """Every delay of one setting, with fast-forward and without."""
    found = [one for delay_ms in setting.delays_ms for one in measure(model, setting, delay_ms)]
    base = {one.fast_forward: one for one in found if one.delay_ms == 0}
    for one in found:
        expected = 1e6 * predicted(one, base[one.fast_forward]) / one.calls
        kind = "fast-forward" if one.fast_forward else "masks only"
        facts = asdict(one) | {"predicted_us": round(expected, 1)}
        yield row(
            f"a call, {one.ranks} ranks, {one.sharding}, {one.delay_ms} ms a way, {kind}",
            [1e6 * one.seconds / one.calls],
            note=f"{one.passes} passes, {one.tokens} tokens in {one.calls} calls; by the model {expected:,.0f} us",
            **facts,
        )


def rows(size: Size) -> Iterator[Row]:
    """All settings. Small: two ranks, no delay, one call, random weights."""
    model = str(model_folder(size))
    for setting in size.of(small=(Setting(2, "pipeline", 1, (0,)),), full=SETTINGS):
        yield from rows_of(model, setting)


if __name__ == "__main__":  # a rank
    match sys.argv[1:]:
        case [model, "pipeline" | "tensor" as sharding, count]:
            run_rank(model, sharding, int(count))
        case _:
            sys.exit(__doc__)

"""What does a slow network cost a sharded tool call, and how much of that does fast-forward save?

Claim: two ranks of a pipeline pay two ways of the network for every pass, so a call's time is
passes * (compute + 2 * way), and every pass that is not made because its tokens are forced saves both.

The network is this machine's own, with every connection between the ranks led through a relay that delivers
each piece `way` milliseconds after it came. (Sleeping, not computing: it costs no processor time.) The model
is the packaged one; the calls are those of the twenty tools of the soak test, the likeliest tokens.
"""

import asyncio
import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.harness import Row, Size, row
from benchmarks.model_folder import model_folder
from constrained.ranks.place import place_from
from constrained.runtime import BatchEngine, SequenceRequest, vocabulary_of
from constrained.runtime.plan import Plan
from constrained.runtime.rows import Outcome
from constrained.runtime.sequence import SequenceFailed, TokenEvent
from constrained.runtime.sharding.following import LeadingRows
from grammars import compile_json_schema
from server.sharded import Ranks
from tests.soak.schemas import TOOLS
from tests.support.ranks import Ranks as Processes

WAYS_MS = (0, 1, 5, 20)


@dataclass(frozen=True)
class Measured:
    """All calls of one setting: seconds and passes in total."""

    way_ms: int
    fast_forward: bool
    calls: int
    tokens: int
    passes: int
    seconds: float


# ---------------------------------------------------------------- the network


class Relays:
    """A port in front of each port, from which everything arrives `way_ms` later."""

    def __init__(self, way_ms: int) -> None:
        self._way = way_ms / 1000
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
            try:
                there = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                writer.close()
                return
            await asyncio.gather(self._carry(reader, there[1]), self._carry(there[0], writer))

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        return server.sockets[0].getsockname()[1]

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(1 << 20):
                self._loop.call_later(self._way, writer.write, piece)
        except OSError:
            pass
        self._loop.call_later(self._way, writer.close)


# ---------------------------------------------------------------- the ranks


class Counting(LeadingRows):
    """Rank 0's rows, counting passes."""

    passes = 0

    def execute(self, plan: Plan) -> Outcome:
        self.passes += len(plan.read) + len(plan.passes)
        return super().execute(plan)


def run_rank(model: str, count: int) -> None:
    """One rank: rank 0 measures and prints, with and without fast-forward in turn."""
    place = place_from()
    assert place is not None
    ranks = Ranks(place, model, "pipeline", lambda line: None)
    vocabulary = vocabulary_of(*ranks.loaded)
    rows = Counting(ranks.loaded.model, ranks.channel)
    engine = BatchEngine(*ranks.loaded, rows=rows, prefix_cache_bytes=0)
    calls = [(name, compile_json_schema(TOOLS[name], vocabulary)) for name in list(TOOLS)[:count]]
    made: dict[bool, list[float]] = {}
    for fast_forward in (True, True, False):  # the first time warms up
        passes, tokens, seconds = rows.passes, 0, 0.0
        for name, grammar in calls:
            text = f"Call the tool {name}."
            prompt = ranks.loaded.tokenizer.apply_chat_template(
                [{"role": "user", "content": text}], add_generation_prompt=True
            )
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


def measure(model: str, way_ms: int, calls: int) -> list[Measured]:
    """Start the ranks behind relays, and read what rank 0 measured."""
    relays = Relays(way_ms)
    with Processes(2, ["-m", "benchmarks.sharding_latency", model, str(calls)], relays.reached) as processes:
        done = processes.finish(1200)
    assert [code for code, _, _ in done] == [0, 0], done
    return [
        Measured(way_ms, fast_forward, calls, int(tokens), int(passes), seconds)
        for fast_forward, tokens, passes, seconds in json.loads(done[0][1])
    ]


def predicted(measured: Measured, base: Measured) -> float:
    """Seconds by the cost model: what the passes cost without a network, and two ways for each."""
    return base.seconds / base.passes * measured.passes + 2 * measured.passes * measured.way_ms / 1000


def rows(size: Size) -> Iterator[Row]:
    """Every delay, with fast-forward and without. Small: no delay, one call, random weights."""
    found: list[Measured] = []
    for way_ms in size.of(small=WAYS_MS[:1], full=WAYS_MS):
        found += measure(str(model_folder(size)), way_ms, size.of(small=1, full=6))
    base = {one.fast_forward: one for one in found if one.way_ms == 0}
    for one in found:
        model = 1e6 * predicted(one, base[one.fast_forward]) / one.calls
        kind = "fast-forward" if one.fast_forward else "masks only"
        note = f"{one.passes} passes, {one.tokens} tokens in {one.calls} calls; by the model {model:,.0f} us"
        facts = {"way_ms": one.way_ms, "fast_forward": one.fast_forward, "passes": one.passes, "tokens": one.tokens}
        call = [1e6 * one.seconds / one.calls]
        yield row(f"a call, {one.way_ms} ms a way, {kind}", call, note=note, **facts, predicted_us=round(model, 1))


if __name__ == "__main__":  # a rank
    run_rank(sys.argv[1], int(sys.argv[2]))

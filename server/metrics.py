"""What a server counts, for Prometheus to read at /metrics."""

import time
from collections.abc import Generator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from server.events import Measured

SECONDS = (0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300)


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = self._counter("requests", "Requests by path and status.", "path", "status")
        self.seconds = Histogram(
            "constrained_request_seconds",
            "Time from a request to its last byte.",
            ("path",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self.pending = Gauge(
            "constrained_answers_pending", "Answers prepared, waiting or generated.", registry=self._registry
        )
        self.disconnects = self._counter("disconnects", "Requests whose client went away.")
        self._prompt = self._counter("prompt_tokens", "Tokens of prompts, those from the cache included.")
        self._cached = self._counter("prompt_tokens_cached", "Tokens of prompts known from earlier requests.")
        self._completion = self._counter("completion_tokens", "Tokens generated, forced ones included.")
        self._forced = self._counter("forced_tokens", "Tokens about which the grammar left no choice.")
        self._steered = self._counter("answers_steered", "Answers whose ending the token budget shaped.")
        self._grammars = self._counter("grammar_lookups", "Look-ups of compiled grammars.", "result")
        self._waiting = Gauge(
            "constrained_answers_waiting", "Answers that wait for their turn in the batch.", registry=self._registry
        )
        self._masks = self._counter("mask_seconds", "Time that worker threads spent on masks.")
        self._mask_seconds = 0.0  # of the engine that counts now
        self._compile = Histogram(
            "constrained_grammar_seconds",
            "Time to get the grammar of a request.",
            buckets=SECONDS,
            registry=self._registry,
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"constrained_{name}", text, labels, registry=self._registry)

    def measured(self, event: Measured) -> None:
        """An answer is complete."""
        self._prompt.inc(event.prompt)
        self._cached.inc(event.cached)
        self._completion.inc(event.completion)
        self._forced.inc(event.forced)
        self._steered.inc(event.steered)

    @contextmanager
    def compiling(self, *, known: bool) -> Generator[None]:
        """A grammar is looked up, and compiled if it is not known."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._compile.observe(time.monotonic() - began)
            self._grammars.labels("hit" if known else "miss").inc()

    def engine(self, mask_seconds: float, waiting: int) -> None:
        """What the engine has counted since it began, and who waits now."""
        more = mask_seconds - self._mask_seconds
        self._masks.inc(more if more >= 0 else mask_seconds)  # less than before: it has begun anew
        self._mask_seconds = mask_seconds
        self._waiting.set(waiting)

    def text(self) -> bytes:
        """All of it, in Prometheus's format."""
        return generate_latest(self._registry)

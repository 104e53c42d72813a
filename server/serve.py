"""`constrained serve`: from settings to a process that answers, and back to exit code 0.

bind  ->  engine thread loads the model  ->  warm-up: one answer  ->  listen, and say so
SIGTERM  ->  new requests get 503  ->  those that run have `drain` seconds  ->  told so, and ended  ->  exit 0
engine lost, and cannot be made again  ->  those that run are told so  ->  exit 70
"""

import asyncio
import json
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import uvicorn

from constrained import limit_memory
from constrained.native import finder
from constrained.ranks.channel import EXIT
from constrained.ranks.place import Place, place_from
from constrained.runtime import BatchEngine, LoadedModel, SequenceEvent, load_model, vocabulary_of
from constrained.runtime.packaged_model import NAME
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.tools.detection import detect_format
from grammars.tools.tables import FORMATS
from server import collecting
from server.app import create_app
from server.compilation import Compiler
from server.engine import EngineThread, Sink
from server.inputs import load_kernels
from server.jobs import Job, Sampling
from server.metrics import Metrics
from server.preparation import Model, Preparation
from server.prompts import Prompts
from server.service import Service
from server.settings import Settings
from server.sharded import Ranks

CONTEXT = 32_768  # of a model that does not say
WARM_UP = 600.0  # seconds for the first answer, in which whatever is compiled once on a machine is compiled
SWITCH = 0.001  # seconds that a thread keeps Python's lock: what the engine waits for one that thinks about a grammar

Report = Callable[[str], None]


@dataclass(slots=True)
class _Loading:
    """What the engine thread leaves for the others."""

    loaded: LoadedModel | None = None
    vocabulary: Vocabulary | None = None
    ranks: Ranks | None = None


def serve(settings: Settings, report: Report) -> int:
    """Serve until told to stop, or until there is no engine any more; return the exit code.

    Raises ConstrainedError if the model cannot be loaded, OSError for the address.
    """
    place = place_from()
    if place is not None and not place.leads:
        Ranks(place, settings.model, settings.sharding, report)  # follows, and does not return
    sys.setswitchinterval(SWITCH)
    limit_memory(automata=settings.automata_cache_mb << 20, masks=settings.mask_cache_mb << 20)
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with _bound(settings) as listener:
        return asyncio.run(_serve(settings, listener, report, place))


@contextmanager
def _bound(settings: Settings) -> Generator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        yield listener
    finally:
        listener.close()


async def _serve(settings: Settings, listener: socket.socket, report: Report, place: Place | None) -> int:
    began = time.monotonic()
    await asyncio.to_thread(load_kernels, report)
    dead = asyncio.Event()
    engine, service = await start_service(settings, report, place, dead)
    try:
        await _warm_up(service)
        collecting.settle()
        server = _Server(settings, service, dead)
        report(f"ready after {time.monotonic() - began:.1f} s; the engine is {finder.engine()}")
        server.on_started = lambda: _greet(settings, listener, service)
        await server.serve(sockets=[listener])
        return EXIT if dead.is_set() else 0
    finally:
        service.close()
        await asyncio.to_thread(engine.stop)


async def start_service(
    settings: Settings, report: Report, place: Place | None = None, dead: asyncio.Event | None = None
) -> tuple[EngineThread, Service]:
    """Load the model in the engine's thread and build the service around it.

    place  this is rank 0 of several
    dead   is set if there is no engine any more
    """
    loop = asyncio.get_running_loop()
    left = _Loading()

    def make() -> BatchEngine:
        if left.loaded is None:
            if place is not None:
                left.ranks = Ranks(place, settings.model, settings.sharding, report)
                left.ranks.channel.on_loss = engine.abandon
            left.loaded = left.ranks.loaded if left.ranks else load_model(settings.model, report=report)
            left.vocabulary = vocabulary_of(*left.loaded)
        return BatchEngine(
            *left.loaded,
            max_batch=settings.max_concurrency,
            prefix_cache_bytes=settings.prefix_cache_mb << 20,
            mask_seconds=settings.compile_timeout,
            rows=left.ranks and left.ranks.rows(),
        )

    def deliver(posted: list[tuple[Sink, SequenceEvent]]) -> None:
        for sink, event in posted:
            sink(event)

    def post(posted: list[tuple[Sink, SequenceEvent]]) -> None:
        loop.call_soon_threadsafe(deliver, posted)

    def close() -> None:
        if left.ranks is not None:
            left.ranks.close()

    def die() -> None:
        if dead is not None:
            loop.call_soon_threadsafe(dead.set)

    engine = EngineThread(make, post, close, die, collecting.in_quiet)
    await asyncio.to_thread(engine.start)
    assert left.loaded is not None
    assert left.vocabulary is not None
    return engine, _service(settings, engine, left.loaded, left.vocabulary)


def _service(settings: Settings, engine: EngineThread, loaded: LoadedModel, vocabulary: Vocabulary) -> Service:
    model, tokenizer = loaded
    family = FORMATS[settings.tool_format] if settings.tool_format else detect_format(tokenizer)
    spellings, controls = vocabulary.spellings, {token: name for name, token in vocabulary.control.items()}

    def spell(token: int) -> bytes:
        return spellings[token] or controls.get(token, "").encode()

    served = Model(
        names=_names(settings),
        family=family,
        context=settings.context or _context(model),
        tokens=vocabulary.size,
        spell=spell,
        sampling=_defaults(settings, tokenizer),
        created=int(time.time()),
    )
    metrics = Metrics()
    compiler = Compiler(vocabulary, family, relax=settings.relax_tools)
    preparation = Preparation(served, Prompts(tokenizer, family), compiler, settings, metrics)
    return Service(preparation, engine, settings, metrics)


def _names(settings: Settings) -> tuple[str, ...]:
    given = settings.model
    own = (NAME,) if given is None else (Path(given).expanduser().name, given) if Path(given).is_dir() else (given,)
    return tuple(dict.fromkeys((*settings.served_name, *own)))


def _context(model: object) -> int:
    """The longest text that the model was made for."""
    arguments = getattr(model, "args", None)
    inner = getattr(arguments, "text_config", None)
    for place in (arguments, inner):
        value = (
            cast("dict[str, Any]", place).get("max_position_embeddings")
            if isinstance(place, dict)
            else getattr(place, "max_position_embeddings", None)
        )
        if isinstance(value, int) and value > 0:
            return value
    return CONTEXT


def _defaults(settings: Settings, tokenizer: object) -> Sampling:
    """How to sample where a request does not say: the setting, else what the model's authors advise."""
    path = Path(str(getattr(tokenizer, "name_or_path", ""))) / "generation_config.json"
    advice: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        advice = json.loads(path.read_text())
    greedy = advice.get("do_sample") is False
    temperature = settings.temperature if settings.temperature is not None else advice.get("temperature")
    return Sampling(
        temperature=0.0 if greedy and settings.temperature is None else temperature,
        top_p=advice.get("top_p"),
        top_k=advice.get("top_k"),
        min_p=advice.get("min_p"),
    )


async def _warm_up(service: Service) -> None:
    """One short call, so that no client waits for kernels to be compiled."""
    tool: dict[str, Any] = {"type": "function", "function": {"name": "warm_up"}}
    job = Job(
        model=None,
        messages=({"role": "user", "content": "Hello."},),
        tools=(tool,),
        tool_choice="required",
        parallel=False,
        max_tokens=64,
    )
    prepared = await service.prepare(job, within=WARM_UP)
    async for _ in service.events(prepared, asyncio.get_running_loop().time() + WARM_UP):
        pass


# ---------------------------------------------------------------- the process


class _Server(uvicorn.Server):
    """uvicorn, with our own way to stop: drain, then exit code 0."""

    def __init__(self, settings: Settings, service: Service, dead: asyncio.Event) -> None:
        config = uvicorn.Config(
            create_app(service, settings),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=max(1, round(settings.drain)) + 2,
            lifespan="off",
        )
        super().__init__(config)
        self._service = service
        self._drain = settings.drain
        self._dead = dead
        self.on_started: Callable[[], None] = lambda: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        self._watch = asyncio.create_task(self._stop_when_dead())
        self.on_started()

    async def _stop_when_dead(self) -> None:
        await self._dead.wait()
        self._told_to_stop()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """SIGTERM and SIGINT begin to drain; a second one does not wait."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def _told_to_stop(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True
        self._service.is_draining = True
        asyncio.get_running_loop().call_later(self._drain, self._service.end)


def _greet(settings: Settings, listener: socket.socket, service: Service) -> None:
    """Where the server is, and what to send to it."""
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    url, model = f"http://{shown}:{port}", service.model.names[0]
    key = ' -H "Authorization: Bearer $CONSTRAINED_API_KEY"' if settings.api_key else ""
    question = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 64})
    if not settings.is_local and not settings.api_key:
        print(f"constrained: warning: anybody who reaches {host} can use this server: set --api-key", file=sys.stderr)
    print(f"{url}/v1 serves {model} (tool format {service.model.family.name}, context {service.model.context})")
    print(f"\n  curl {url}/v1/chat/completions{key} -H 'Content-Type: application/json' -d '{question}'\n", flush=True)

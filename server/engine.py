"""The one thread that owns MLX: it loads the model, steps the batch, and hands events out.

    any thread                       engine thread                            event loop
    submit(request, sink)  ------>   BatchEngine.add
    cancel(ticket)         ------>   BatchEngine.cancel
                                     BatchEngine.step  -- one post a step --> sink(event) for every event

Commands are taken between steps, so a cancelled sequence is gone within one. A sequence that fails takes
nobody along; if the engine itself fails, all that are in it are told so, and it begins anew.
"""

import itertools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from constrained.runtime import BatchEngine, SequenceEvent, SequenceFailed, SequenceRequest

Sink = Callable[[SequenceEvent], None]
Post = Callable[[list[tuple[Sink, SequenceEvent]]], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Submit:
    ticket: int
    request: SequenceRequest
    sink: Sink


@dataclass(frozen=True, slots=True)
class _Cancel:
    ticket: int


@dataclass(frozen=True, slots=True)
class _Stop:
    pass


_Command = _Submit | _Cancel | _Stop


class EngineThread:
    """Runs a batch engine in a thread of its own.

    `make` creates the engine, there; `post` gives what a step brought to whoever listens; `after` is called
    when the engine has been closed.
    """

    def __init__(self, make: Callable[[], BatchEngine], post: Post, after: Callable[[], None] = lambda: None) -> None:
        self._make = make
        self._after = after
        self._post = post
        self._commands: SimpleQueue[_Command] = SimpleQueue()
        self._tickets = itertools.count(1)
        self._sinks: dict[int, tuple[int, Sink]] = {}  # uid -> ticket and sink; the engine thread's alone
        self._uids: dict[int, int] = {}  # ticket -> uid
        self._ready: Future[None] = Future()
        self._abandoned: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    # ------------------------------------------------------------------ for other threads

    def start(self) -> None:
        """Start the thread and wait until there is an engine. Raises what making it raised."""
        self._thread.start()
        self._ready.result()

    def submit(self, request: SequenceRequest, sink: Sink) -> int:
        """Begin a sequence; its events go to `sink`, the last one has a finish_reason or is a failure."""
        ticket = next(self._tickets)
        if self._abandoned is not None:
            self._post([(sink, SequenceFailed(0, self._abandoned))])
        else:
            self._commands.put(_Submit(ticket, request, sink))
        return ticket

    def cancel(self, ticket: int) -> None:
        """End a sequence, if it has not ended. Events that are on their way may still come."""
        self._commands.put(_Cancel(ticket))

    def stop(self) -> None:
        """End all sequences and the thread."""
        self._commands.put(_Stop())
        if self._thread.is_alive() and self._abandoned is None:
            self._thread.join()

    def abandon(self, error: Exception) -> None:
        """Tell all sequences that they fail, now: the thread may hang for ever, and takes no more."""
        self._abandoned = error
        known = list(self._sinks.items())
        self._post([(sink, SequenceFailed(uid, error)) for uid, (_, sink) in known])

    @property
    def is_alive(self) -> bool:
        """Does the thread run, and take sequences?"""
        return self._thread.is_alive() and self._abandoned is None

    @property
    def load(self) -> int:
        """Sequences in the engine: waiting, reading or generating."""
        return len(self._sinks)

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        try:
            engine = self._make()
        # Whatever it is, `start` raises it in the thread that waits there.
        except BaseException as error:  # noqa: BLE001
            self._ready.set_exception(error)
            return
        self._ready.set_result(None)
        try:
            while self._take_commands(engine):
                try:
                    events = engine.step()
                except Exception as error:
                    log.exception("the engine failed")
                    engine = self._begin_anew(engine, error)
                else:
                    self._hand_out(events)
        finally:
            engine.close()
            self._after()

    def _take_commands(self, engine: BatchEngine) -> bool:
        """Obey what was commanded since the last step; with nothing to do, wait. False: stop."""
        wait = engine.idle
        while True:
            try:
                command = self._commands.get(block=wait)
            except Empty:
                return True
            wait = False
            match command:
                case _Submit(ticket, request, sink):
                    try:
                        uid = engine.add(request)
                    except Exception as error:  # noqa: BLE001  a request's own fault
                        self._post([(sink, SequenceFailed(0, error))])
                    else:
                        self._sinks[uid], self._uids[ticket] = (ticket, sink), uid
                case _Cancel(ticket):
                    uid = self._uids.pop(ticket, None)
                    if uid is not None:
                        engine.cancel(uid)
                        del self._sinks[uid]
                case _Stop():
                    return False

    def _hand_out(self, events: list[SequenceEvent]) -> None:
        posted: list[tuple[Sink, SequenceEvent]] = []
        for event in events:
            known = self._sinks.get(event.uid)
            if known is None:
                continue
            posted.append((known[1], event))
            if is_last(event):
                del self._sinks[event.uid]
                self._uids.pop(known[0], None)
        if posted:
            self._post(posted)

    def _begin_anew(self, engine: BatchEngine, error: Exception) -> BatchEngine:
        self._hand_out([SequenceFailed(uid, error) for uid in list(self._sinks)])
        engine.close()
        return self._make()


def is_last(event: SequenceEvent) -> bool:
    """Does a sequence end with this event?"""
    match event:
        case SequenceFailed():
            return True
        case _:
            token = getattr(event, "token", None)
            return token is not None and token.finish_reason is not None

"""The one thread that owns MLX: it loads the model, steps the batch, and hands events out.

    any thread                       engine thread                            event loop
    submit(request, sink)  ------>   BatchEngine.add
    cancel(ticket)         ------>   BatchEngine.cancel
                                     BatchEngine.step  -- one post a step --> sink(event) for every event

Commands are taken between steps, so a cancelled sequence is gone within one. Where nothing is being generated, a
sequence waits a moment for those that are about to be submitted: prompts that begin together are read in one pass, and
whoever comes a moment later has to wait for the pass before. Where nothing is about to be generated either, `on_quiet`
is called once: what would hold up an answer is done then (collecting.py). A sequence that fails takes nobody along; if
the engine itself fails, all that are in it are told so, and it begins anew. If that fails too, `on_death` is called,
and whoever comes later is told why.

The thread never ends: it is parked when it is stopped. What MLX has compiled in a thread is freed by the thread's
native end, which is after `Thread.join`, and takes Python's lock for it: in an interpreter that is
ending by then, that is `terminate called without an active exception`.
"""

import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from constrained.runtime import BatchEngine, SequenceEvent, SequenceFailed, SequenceRequest

TOGETHER = 0.03  # seconds for which a sequence waits for others that are being prepared
QUIET = 0.1  # seconds for which nobody must have wanted anything

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

    make      creates the engine, there
    post      gives what a step brought to whoever listens
    after     is called when the engine has been closed
    on_death  is called, in the thread, if there is no engine any more and cannot be one
    on_quiet  is called, in the thread, once when nothing has been generated for a moment
    """

    def __init__(
        self,
        make: Callable[[], BatchEngine],
        post: Post,
        after: Callable[[], None] = lambda: None,
        on_death: Callable[[], None] = lambda: None,
        on_quiet: Callable[[], None] = lambda: None,
    ) -> None:
        self._make = make
        self._after = after
        self._post = post
        self._on_death = on_death
        self._on_quiet = on_quiet
        self._commands: SimpleQueue[_Command] = SimpleQueue()
        self._tickets = itertools.count(1)
        self._sinks: dict[int, tuple[int, Sink]] = {}  # uid -> ticket and sink; the engine thread's alone
        self._uids: dict[int, int] = {}  # ticket -> uid
        self._ready: Future[None] = Future()
        self._abandoned: Exception | None = None
        self._submitting = threading.Lock()  # nobody submits what `abandon` would miss
        self._ended = threading.Event()
        self.mask_seconds = 0.0  # that masks took, in worker threads
        self.waiting = 0  # sequences that wait for room
        self.coming: Callable[[], int] = lambda: 0  # sequences that will be submitted soon
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    # ------------------------------------------------------------------ for other threads

    def start(self) -> None:
        """Start the thread and wait until there is an engine. Raises what making it raised."""
        self._thread.start()
        self._ready.result()

    def submit(self, request: SequenceRequest, sink: Sink) -> int:
        """Begin a sequence; its events go to `sink`, the last one has a finish_reason or is a failure."""
        ticket = next(self._tickets)
        with self._submitting:
            if self._abandoned is None:
                self._commands.put(_Submit(ticket, request, sink))
                return ticket
        self._post([(sink, SequenceFailed(0, self._abandoned))])
        return ticket

    def cancel(self, ticket: int) -> None:
        """End a sequence, if it has not ended. Events that are on their way may still come."""
        self._commands.put(_Cancel(ticket))

    def stop(self) -> None:
        """End all sequences and the engine."""
        self._commands.put(_Stop())
        if self._abandoned is None and self._thread.ident is not None:
            self._ended.wait()

    def abandon(self, error: Exception) -> None:
        """Tell all sequences that they fail, now: the thread may hang for ever, and takes no more."""
        with self._submitting:
            self._abandoned = error
        failed: list[tuple[Sink, SequenceEvent]] = []
        failed += [(sink, SequenceFailed(uid, error)) for uid, (_, sink) in list(self._sinks.items())]
        while True:
            try:
                command = self._commands.get_nowait()
            except Empty:
                break
            if isinstance(command, _Submit):
                failed.append((command.sink, SequenceFailed(0, error)))
        self._post(failed)

    @property
    def is_alive(self) -> bool:
        """Does the thread run, and take sequences?"""
        return not self._ended.is_set() and self._abandoned is None

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        try:
            engine = self._make()
        # Whatever it is, `start` raises it in the thread that waits there.
        except BaseException as error:  # noqa: BLE001
            self._ready.set_exception(error)
        else:
            self._ready.set_result(None)
            self._step_until_stopped(engine)
        self._ended.set()
        threading.Event().wait()  # for ever: see above

    def _step_until_stopped(self, engine: BatchEngine) -> None:
        try:
            while self._take_commands(engine):
                try:
                    events = engine.step()
                except Exception as error:
                    log.exception("the engine failed")
                    engine = self._begin_anew(engine, error)
                else:
                    self._hand_out(events)
                self.mask_seconds, self.waiting = engine.mask_seconds, engine.waiting
        except Exception as error:
            log.exception("there is no engine any more")
            self.abandon(error)
            self._on_death()
        finally:
            engine.close()
            self._after()

    def _take_commands(self, engine: BatchEngine) -> bool:
        """Obey what was commanded since the last step; with nothing to do, wait. False: stop."""
        was_idle = engine.idle
        command = self._first_command() if was_idle else self._next_command(block=False)
        until = time.monotonic() + TOGETHER
        while command is not None:
            if isinstance(command, _Stop):
                return False
            self._obey(engine, command)
            left = until - time.monotonic()
            gathers = was_idle and not engine.idle and left > 0 and self.coming() > 0
            command = self._next_command(block=gathers, timeout=left if gathers else None)
        return True

    def _first_command(self) -> _Command:
        """What is commanded after nothing was being generated, however long that takes."""
        command = self._next_command(block=True, timeout=QUIET)
        while command is None and self.coming() > 0:
            command = self._next_command(block=True, timeout=QUIET)
        if command is None:
            self._on_quiet()
            command = self._commands.get()
        return command

    def _next_command(self, *, block: bool, timeout: float | None = None) -> _Command | None:
        try:
            return self._commands.get(block, timeout)
        except Empty:
            return None

    def _obey(self, engine: BatchEngine, command: _Submit | _Cancel) -> None:
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

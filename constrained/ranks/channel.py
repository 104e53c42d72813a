"""Orders from rank 0 to the other ranks, signs of life in both directions, and the end when one is lost.

        rank 0 (Leader)                        rank r (Follower)
    listen ------- hello, facts <-------------- connect
    compare ------ agreed, or stop -----------> go on, or end
    order -------> order -> order ------------> carried out one after the other
    . . . . . . .  a sign of life every second, both ways  . . . . . . .

A frame is four bytes of length (big-endian) and that many bytes of JSON; an empty frame is a sign of life.

When a connection breaks, or nothing came over it for `SILENCE` seconds, that rank is lost. (While the ranks
find each other it is `patience` seconds: MLX holds Python's lock then, and nobody can give signs of life.) Rank 0
tells all the others, and every process ends: the followers at once, rank 0 after `GRACE` seconds in which it may
answer its users. Nobody waits for a thread that hangs in a collective: the process is ended from here. So
all are gone `SILENCE + GRACE` seconds after one was lost, at the latest.

The channel is TCP, without a secret: like MLX's own connections it belongs on a network of one's own.
"""

import json
import os
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, cast

from constrained.errors import ShardingError
from constrained.ranks.place import Place

PATIENCE = 60.0  # seconds that ranks have to find each other
BEAT, SILENCE, GRACE = 1.0, 10.0, 3.0  # seconds: between signs of life; without one; for rank 0 to answer its users
LARGEST = 1 << 28  # bytes in one frame
EXIT = 70  # of a process that ended because a rank was lost: EX_SOFTWARE of sysexits.h

Frame = Mapping[str, Any]
_LENGTH = struct.Struct(">I")


class Link:
    """One connection: frames out from any thread, frames in from one.

    Nothing from the other side for `silence` seconds is an error.
    """

    def __init__(self, connection: socket.socket, silence: float) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(SILENCE)  # for sending
        self._socket = connection
        self._heard = time.monotonic()
        self.silence = silence
        self._sending = threading.Lock()

    def send(self, frame: Frame | None) -> None:
        """Send a frame, None for a sign of life. Raises OSError."""
        body = b"" if frame is None else json.dumps(frame, separators=(",", ":")).encode()
        with self._sending:
            self._socket.sendall(_LENGTH.pack(len(body)) + body)

    def receive(self) -> Frame:
        """The next frame that is no sign of life. Raises OSError or ShardingError with the reason."""
        while True:
            (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
            if length > LARGEST:
                raise ShardingError("it does not speak as a rank does")
            if length:
                try:
                    return cast("Frame", json.loads(self._exactly(length)))
                except ValueError:
                    raise ShardingError("it does not speak as a rank does") from None

    def _exactly(self, count: int) -> bytes:
        found = bytearray()
        while len(found) < count:
            if not select.select([self._socket], [], [], BEAT)[0]:
                if time.monotonic() > self._heard + self.silence:
                    raise ShardingError(f"no sign of life for {self.silence:g} seconds")
                continue
            piece = self._socket.recv(count - len(found))
            if not piece:
                raise ShardingError("it closed the connection")
            self._heard = time.monotonic()
            found += piece
        return bytes(found)

    def close(self) -> None:
        """Close; whoever waits to receive learns of it."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def _beat(links: Callable[[], list[Link]]) -> None:
    """Signs of life until the process ends; what is broken is noticed by who receives."""
    while True:
        time.sleep(BEAT)
        for link in links():
            with suppress(OSError):
                link.send(None)


def _in_background(run: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=run, args=arguments, daemon=True, name=f"sharding-{run.__name__}").start()


def _end(message: str, after: float) -> None:
    time.sleep(after)
    print(f"constrained: {message}", file=sys.stderr, flush=True)  # noqa: T201  the last words of a process
    os._exit(EXIT)


# ---------------------------------------------------------------------- rank 0


class Leader:
    """Rank 0's end of the channel.

    Waits for all ranks; raises ShardingError naming those that did not come within `patience` seconds. From
    then on `lost` is set, and `on_loss` called once (in a thread of the channel), when a rank is lost.
    """

    def __init__(self, place: Place, *, patience: float = PATIENCE) -> None:
        self.lost: ShardingError | None = None
        self.on_loss: Callable[[ShardingError], None] = lambda error: None
        self._links: dict[int, Link] = {}
        self._answers: dict[int, SimpleQueue[Frame]] = {rank: SimpleQueue() for rank in range(1, place.size)}
        self._closed = False
        self._losing = threading.Lock()
        self._noticed = threading.Event()
        self._welcome(place, patience)
        for rank, link in self._links.items():
            _in_background(self._listen, rank, link)
        _in_background(_beat, lambda: list(self._links.values()))

    def _welcome(self, place: Place, patience: float) -> None:
        deadline = time.monotonic() + patience
        with _listening(place) as listener:
            while len(self._links) < place.size - 1:
                listener.settimeout(max(0.0, deadline - time.monotonic()) or 0.001)
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    missing = ", ".join(str(rank) for rank in range(1, place.size) if rank not in self._links)
                    raise ShardingError(
                        f"rank {missing} of {place.size} did not come to {place.control} in time"
                    ) from None
                link = Link(connection, patience)
                with suppress(OSError, ShardingError):  # a stranger that knocks is not let in
                    rank = link.receive().get("rank")
                    if isinstance(rank, int) and 0 < rank < place.size and rank not in self._links:
                        self._links[rank] = link
                        continue
                link.close()

    def _listen(self, rank: int, link: Link) -> None:
        try:
            while True:
                frame = link.receive()
                if "failed" in frame:
                    raise ShardingError(str(frame["failed"]))
                self._answers[rank].put(frame)
        except (OSError, ShardingError) as error:
            self._lose(rank, error)

    def _lose(self, rank: int, reason: Exception) -> None:
        with self._losing:
            if self._closed or self.lost is not None:
                return
            self.lost = ShardingError(f"rank {rank} is lost: {reason}")
        self._noticed.set()
        message = str(self.lost)
        for link in self._links.values():
            with suppress(OSError):
                link.send({"stop": message})
        _in_background(_end, message, GRACE)
        self.on_loss(self.lost)

    def settle(self) -> None:
        """The ranks have found each other: from now on a silent one is lost after `SILENCE` seconds."""
        for link in self._links.values():
            link.silence = SILENCE

    def agree(self, facts: Mapping[str, str]) -> None:
        """Wait until every rank has told its facts; ShardingError here and there if some differ from `facts`."""
        for rank in self._links:
            theirs = self.answer_of(rank).get("facts", {})
            for name in dict.fromkeys([*facts, *theirs]):
                if facts.get(name) != theirs.get(name):
                    differ = f"{name} is {facts.get(name)} on rank 0 and {theirs.get(name)} on rank {rank}"
                    self.stop(differ)
                    raise ShardingError(differ)
        self.order({"agreed": True})

    def answer_of(self, rank: int) -> Frame:
        """The next frame from `rank`. Raises ShardingError once a rank is lost."""
        while self.lost is None:
            with suppress(Exception):
                return self._answers[rank].get(timeout=BEAT)
        raise self.lost

    def wait_for_loss(self, seconds: float) -> bool:
        """Wait until a rank is lost, `seconds` at most; say whether one is."""
        return self._noticed.wait(seconds)

    def order(self, frame: Frame) -> None:
        """Send `frame` to all ranks. Raises ShardingError once one is lost."""
        for rank, link in self._links.items():
            try:
                link.send(frame)
            except OSError as error:
                self._lose(rank, error)
        if self.lost is not None:
            raise self.lost

    def stop(self, reason: str) -> None:
        """Tell all ranks why it ends; they end with that reason."""
        self._close({"stop": reason})

    def close(self) -> None:
        """The end of the work: the other ranks end well."""
        self._close({"bye": True})

    def _close(self, last: Frame) -> None:
        with self._losing:
            self._closed = True
        for link in self._links.values():
            with suppress(OSError):
                link.send(last)
            link.close()


def _listening(place: Place) -> socket.socket:
    try:
        return socket.create_server(place.control, reuse_port=False)
    except OSError as error:
        raise ShardingError(f"rank 0 cannot listen on {place.control}: {error.strerror}") from error


# ---------------------------------------------------------------------- the others


class Follower:
    """Another rank's end: `orders` until rank 0 says goodbye.

    Raises ShardingError if rank 0 does not answer within `patience` seconds. If it is lost later, or says
    stop, this process ends.
    """

    def __init__(self, place: Place, *, patience: float = PATIENCE) -> None:
        self._link = _connected(place, patience)
        self._orders: SimpleQueue[Frame | None] = SimpleQueue()
        self._tell({"rank": place.rank})
        _in_background(self._listen)
        _in_background(_beat, lambda: [self._link])

    def _listen(self) -> None:
        try:
            while True:
                frame = self._link.receive()
                if "bye" in frame:
                    self._orders.put(None)
                    return
                if "stop" in frame:
                    _end(str(frame["stop"]), 0)
                self._orders.put(frame)
        except (OSError, ShardingError) as error:
            _end(f"rank 0 is lost: {error}", 0)

    def settle(self) -> None:
        """As the leader's."""
        self._link.silence = SILENCE

    def agree(self, facts: Mapping[str, str]) -> None:
        """Tell rank 0 this rank's facts and wait until it has compared all; if some differ, this process ends."""
        self._tell({"facts": dict(facts)})
        for _ in self.orders():
            return
        raise ShardingError("rank 0 left before the work began")

    def orders(self) -> Iterator[Frame]:
        """What rank 0 orders, until it says goodbye."""
        while (frame := self._orders.get()) is not None:
            yield frame

    def answer(self, frame: Frame) -> None:
        """Tell rank 0 something. Raises ShardingError once it is lost."""
        self._tell(frame)

    def _tell(self, frame: Frame) -> None:
        try:
            self._link.send(frame)
        except OSError as error:
            raise ShardingError(f"rank 0 is lost: {error.strerror or error}") from error

    def fail(self, reason: str) -> None:
        """Tell rank 0 that this rank cannot go on; it stops all of them."""
        with suppress(OSError):
            self._link.send({"failed": reason})


def _connected(place: Place, patience: float) -> Link:
    deadline = time.monotonic() + patience
    while True:
        try:
            return Link(socket.create_connection(place.control, timeout=2.0), patience)
        except OSError as error:
            if time.monotonic() > deadline:
                raise ShardingError(f"rank 0 does not answer at {place.control}: {error.strerror or error}") from error
            time.sleep(0.2)

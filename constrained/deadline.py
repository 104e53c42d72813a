"""A limit on what a piece of work may cost, looked at where loops run.

    with within(20.0):                  seconds of processor time of this thread
        grammar.matcher().bitmask()     OutOfTime; LimitExceeded where it is nested too deeply

Grammars are others' programs: a small one may ask for a search that takes hours. Python cannot stop a thread from
outside, so whatever loops calls `look`, between two steps, where all that is memoised is true: work that was given
up leaves behind what it has found, and can be done again.

Processor time is what is limited: on a busy machine nothing is refused that an idle one would do. But no thread has
used so many seconds before as many have passed, so mostly `look` asks the cheaper clock, and takes 0.1 us.

Depth and memory are limited by Python itself. Its errors are told as what they are here: the grammar's fault.
"""

import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

from constrained.errors import LimitExceeded, OutOfTime

_NEVER = float("inf")


class _Limit(threading.local):
    """Of this thread: by when the work must be done, in processor time, and not before when it can be out of time."""

    latest = _NEVER  # time.thread_time
    soonest = _NEVER  # time.monotonic
    seconds = _NEVER


_limit = _Limit()


class _Limits:
    """How many there are, of all threads: mostly none, and then nobody needs a clock."""

    def __init__(self) -> None:
        self.count = 0
        self.lock = threading.Lock()

    def add(self, more: int) -> None:
        """There are so many more."""
        with self.lock:
            self.count += more


_limits = _Limits()


@contextmanager
def within(seconds: float) -> Generator[None]:
    """Let what is done inside take so much processor time of this thread. An earlier limit outside of it stays.

    Raises LimitExceeded in the place of RecursionError and MemoryError.
    """
    outer = _limit.latest, _limit.soonest, _limit.seconds
    latest = time.thread_time() + seconds
    if latest < _limit.latest:
        _limit.latest, _limit.soonest, _limit.seconds = latest, time.monotonic() + seconds, seconds
    _limits.add(1)
    try:
        yield
    except (RecursionError, MemoryError) as error:
        what = "is nested too deeply" if isinstance(error, RecursionError) else "takes more memory than there is"
        raise LimitExceeded(f"the grammar {what}") from error
    finally:
        _limits.add(-1)
        _limit.latest, _limit.soonest, _limit.seconds = outer


@contextmanager
def watched() -> Generator[None]:
    """Look whenever a function is called or returns, inside: for loops that are not ours."""
    if _limit.latest == _NEVER:
        yield
        return
    outer = sys.getprofile()
    sys.setprofile(lambda frame, event, argument: _look_from(frame))
    try:
        yield
    finally:
        sys.setprofile(outer)


def _look_from(frame: FrameType) -> None:
    """As `look`, but where Python would swallow the error, and stop looking: in what ends objects."""
    try:
        look()
    except OutOfTime:
        if not _ends_objects(frame):
            raise


def _ends_objects(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name == "__del__" or frame.f_globals.get("__name__") == "weakref":
            return True
        frame = frame.f_back
    return False


def look() -> None:
    """Raise OutOfTime if the limit is reached."""
    if _limits.count and time.monotonic() > _limit.soonest:
        left = _limit.latest - time.thread_time()
        if left <= 0:
            raise OutOfTime(f"the grammar costs more than {_limit.seconds:g} seconds of processor time")
        _limit.soonest = time.monotonic() + left

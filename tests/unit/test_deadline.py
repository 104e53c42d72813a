"""Where a limit of time is told, when loops that are not ours are watched."""

import sys
import time

import pytest

from constrained.deadline import watched, within
from constrained.errors import OutOfTime


class Slow:
    """It takes processor time to end, and calls functions meanwhile."""

    def __init__(self, until: float) -> None:
        self.until = until

    def __del__(self) -> None:
        while not self.is_over():
            pass

    def is_over(self) -> bool:
        return time.thread_time() > self.until


def wait(slow: list[Slow], later: Slow) -> None:
    """Let go of what is slow to end, then go on for long."""
    slow.clear()
    while not later.is_over():
        pass


def test_time_that_runs_out_while_an_object_ends_is_told_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python swallows errors of `__del__`, and would call nobody any more who watches."""
    swallowed: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", swallowed.append)
    began = time.thread_time()
    slow, later = [Slow(began + 0.05)], Slow(began + 5)
    with pytest.raises(OutOfTime), within(0.02), watched():
        wait(slow, later)
    assert time.thread_time() < began + 5
    later.until = 0
    assert not swallowed

"""The engine's thread, with an engine that only notes who is in its steps."""

import gc
import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from constrained.runtime import BatchEngine, SequenceFailed, SequenceRequest
from server import collecting
from server import engine as module
from server.engine import EngineThread

REQUEST = SequenceRequest(prompt=[1])


@pytest.fixture
def collector() -> Iterator[list[str]]:
    """The threads in which Python's collector went through everything, from now on."""
    threads: list[str] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] == 2:
            threads.append(threading.current_thread().name)

    before = gc.get_threshold()
    collecting.settle()
    gc.callbacks.append(note)
    yield threads
    gc.callbacks.remove(note)
    gc.set_threshold(*before)
    gc.unfreeze()


class NotingEngine:
    """Ends whatever it is given in the next step."""

    mask_seconds = 0.0
    waiting = 0

    def __init__(self) -> None:
        self.steps: list[list[int]] = []
        self._new: list[int] = []
        self._count = 0

    @property
    def idle(self) -> bool:
        return not self._new

    def add(self, request: SequenceRequest) -> int:
        self._count += 1
        self._new.append(self._count)
        return self._count

    def cancel(self, uid: int) -> None:
        self._new.remove(uid)

    def step(self) -> list[SequenceFailed]:
        self.steps.append(self._new)
        self._new = []
        return [SequenceFailed(uid, ValueError()) for uid in self.steps[-1]]

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("coming", "steps"), [(2, [[1, 2, 3]]), (0, [[1], [2], [3]])])
def test_sequences_that_are_coming_begin_with_the_first(
    coming: int, steps: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TOGETHER", 60.0)
    engine = NotingEngine()
    thread = EngineThread(lambda: cast("BatchEngine", engine), post=lambda posted: None)
    thread.coming = lambda: coming
    thread.start()
    for number in range(3):
        coming -= number > 0
        thread.submit(REQUEST, cast("Any", None))
        while not coming > 0 and sum(map(len, engine.steps)) <= number:
            pass
    thread.stop()
    assert engine.steps == steps


class _LitteringEngine(NotingEngine):
    """Leaves many circles, in steps that generate until they are told to end."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = threading.Event()
        self.littered = threading.Event()
        self._left = 40

    def step(self) -> list[SequenceFailed]:
        if self._left:
            self._left -= 1
            for _ in range(10_000):
                circle: list[object] = []
                circle.append(circle)
            return []
        self.littered.set()
        self.ends.wait()
        return super().step()


def test_what_was_dropped_is_looked_for_when_nobody_waits(
    collector: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUIET", 0.01)
    engine, quiet = _LitteringEngine(), threading.Semaphore(0)

    def on_quiet() -> None:
        collecting.in_quiet()
        quiet.release()

    thread = EngineThread(lambda: cast("BatchEngine", engine), post=lambda posted: None, on_quiet=on_quiet)
    thread.start()
    quiet.acquire()
    assert collector == []  # nothing to look for
    thread.submit(REQUEST, cast("Any", None))
    engine.littered.wait()
    assert collector == []
    engine.ends.set()
    quiet.acquire()
    assert collector == ["engine"]
    thread.stop()


def test_whoever_is_about_to_come_is_not_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUIET", 0.01)
    quiet: list[int] = []
    coming = [0, 0, 1, 1, 1]
    thread = EngineThread(
        lambda: cast("BatchEngine", NotingEngine()),
        post=lambda posted: None,
        on_quiet=lambda: quiet.append(len(coming)),
    )
    thread.coming = lambda: coming.pop()
    thread.start()
    while not quiet:
        pass
    thread.stop()
    assert quiet == [1]


@pytest.mark.parametrize(("most", "waits"), [(3, False), (100, True)])
def test_while_somebody_waits_it_is_put_off_but_not_for_ever(
    collector: list[str], monkeypatch: pytest.MonkeyPatch, most: int, waits: bool
) -> None:
    monkeypatch.setattr(collecting, "MOST", most)
    collecting.settle()
    collector.clear()
    held: list[list[object]] = [[] for _ in range(400_000)]  # 57 times as much as a collection of what is young is for
    assert (collector == []) is waits
    assert len(held) == 400_000

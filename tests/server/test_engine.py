"""The engine's thread, with an engine that only notes who is in its steps."""

from typing import Any, cast

import pytest

from constrained.runtime import BatchEngine, SequenceFailed, SequenceRequest
from server import engine as module
from server.engine import EngineThread

REQUEST = SequenceRequest(prompt=[1])


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

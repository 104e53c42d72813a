"""Which bytes lead on towards a text that an open capture refuses.

    refused are `"a"` and `"ab"`, `"a` was read:      `"` and `b` lead on towards one, all other bytes away from both

Only along such bytes a state can turn out to have no way on, so only there states.py looks ahead.
"""

from constrained.grammar import Captured
from constrained.refusals import Refusals
from constrained.rests import Rest
from constrained.state import State


class RefusedAhead:
    """What the captures of one grammar refuse."""

    def __init__(self) -> None:
        self._refusals: dict[Captured, Refusals] = {}

    def forget(self) -> None:
        """Drop what was found."""
        self._refusals.clear()

    def texts(self, captured: Captured) -> Refusals:
        """All that `captured` refuses."""
        found = self._refusals.get(captured)
        if found is None:
            found = self._refusals.setdefault(captured, Refusals(captured.refused()))
        return found

    def ahead(self, state: State, rest: Rest) -> set[int]:
        """The bytes that lead on towards a text that a capture open in `rest` refuses."""
        found: set[int] = set()
        if state.tape is not None:
            for recall, _ in rest.recalls():
                if isinstance(recall.captured, Captured):
                    found |= self.texts(recall.captured).next_bytes(state.tape[recall.mark :])
        return found

    def ways_towards(self, state: State) -> set[int] | None:
        """The bytes that may follow, if each leads on towards a refused text; None if one does not."""
        if state.accepting or state.controls:
            return None
        followed: set[int] = set()
        for symbol, row, rest in state.configs:
            towards = self.ahead(state, rest)
            readable = symbol.automaton.reads(row) if towards else b""
            if not towards or not towards.issuperset(readable):
                return None
            followed.update(readable)
        return followed

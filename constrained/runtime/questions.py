"""What the logits of a step are for, and those that wait until it is known.

    logits      row 0 ---> a forced token that waits for its log-probability     forced
                row 0 ---> the choice of the next one                            mask known
                row 1 -.                                                         mask late
    next step   row 0 -|-> the choice of the next one
                       `-> the choice of row 1                                   mask known now

All questions of a step are answered by one selection. Shapes: Q questions, V logits.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import mlx.core as mx

from constrained.errors import ModelError
from constrained.runtime.answer import Forced
from constrained.runtime.constraint import Guide
from constrained.runtime.rows import Outcome
from constrained.runtime.selection import Picked, Row
from constrained.runtime.sequence import Running


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What the logits of one place are for: the choice of a sequence's next token, or a forced one that waits.

    The place is one of this step's, or an earlier step's: `kept` (1, V).
    """

    place: int
    sequence: Running
    guide: Guide | Exception | None
    row: Row
    forced: Forced | None = None
    kept: mx.array | None = None

    def picked(self, picked: Picked | ModelError) -> Picked:
        """What was picked. Raises what the grammar or the logits are at fault for."""
        for one in (self.guide, picked):
            if isinstance(one, Exception):
                raise one
        assert isinstance(picked, Picked)
        return picked


@dataclass(frozen=True, slots=True, eq=False)
class Late:
    """The logits (1, V) of a row that waits for its grammar, and since when."""

    logits: mx.array
    since: float


class LateRows:
    """Rows that were read, and whose grammars have not said yet what the logits are for."""

    def __init__(self) -> None:
        self._late: dict[int, Late] = {}

    @property
    def uids(self) -> Collection[int]:
        """Whose they are."""
        return self._late.keys()

    def keep(self, uid: int, logits: mx.array) -> None:
        """Keep the logits (1, V) of a row."""
        self._late[uid] = Late(logits, time.monotonic())

    def renew(self, uid: int) -> None:
        """Let a row, if it is late, wait for its mask from now on."""
        if uid in self._late:
            self.keep(uid, self._late[uid].logits)

    def drop(self, uid: int) -> None:
        """Forget a row, if it is late."""
        self._late.pop(uid, None)

    def clear(self) -> None:
        """Forget all."""
        self._late.clear()

    def since(self, until: float) -> list[int]:
        """Those that have waited since before `until`, as `time.monotonic` says."""
        return [uid for uid, one in self._late.items() if one.since < until]

    def questions(
        self, outcome: Outcome, rows: Iterable[Running], guides: Mapping[int, Guide | Exception]
    ) -> list[Question]:
        """What can be asked now; the others are late."""
        known = {row.uid: row for row in rows}
        overdue = [uid for uid in self._late if uid in guides]
        new = list(self._new(outcome, known, guides))
        return new + [_choice(-1, known[uid], guides[uid], self._late.pop(uid).logits) for uid in overdue]

    def _new(
        self, outcome: Outcome, rows: Mapping[int, Running], guides: Mapping[int, Guide | Exception]
    ) -> Iterator[Question]:
        """What this step's logits are for: first the tokens that wait to be said, then the choice of a new one."""
        waiting = {uid: iter(row.unsaid) for uid, row in rows.items()}
        for place, uid in enumerate(outcome.uids):
            sequence, forced = rows[uid], next(waiting[uid], None)
            if forced is not None and forced.row is not None:
                yield Question(place, sequence, forced.guide, forced.row, forced)
            elif sequence.chooses:
                if uid not in guides and sequence.answer.constraint is not None:
                    self.keep(uid, outcome.at([place]))
                else:
                    yield _choice(place, sequence, guides.get(uid))


def gathered(questions: Sequence[Question], outcome: Outcome) -> mx.array:
    """(Q, V): the logits of all questions. Those of this step come first, in the order of their places."""
    kept = [one.kept for one in questions if one.kept is not None]
    places = [one.place for one in questions if one.kept is None]
    if not places:
        return mx.concatenate(kept)
    new = outcome.at(places)
    return mx.concatenate([new, *kept]) if kept else new


def _choice(place: int, sequence: Running, guide: Guide | Exception | None, kept: mx.array | None = None) -> Question:
    """The choice of a sequence's next token."""
    row = sequence.answer.row(None if isinstance(guide, Exception) else guide)
    return Question(place, sequence, guide, row, kept=kept)

"""Is there a whole number for each of some unknowns, so that sums of them are within their bounds?

    x + y = 2,  1 <= x + z,  y + z <= 1        x = 2, y = 0, z = 0

Fractions first: the simplex method in the form that SMT solvers use (B. Dutertre, L. de Moura, *A fast
linear-arithmetic solver for DPLL(T)*, 2006). Every sum is an unknown of its own. Those that are *basic* are told by
the others, and a basic one out of its bounds is exchanged for another that can move it there; where none can, there
is no solution. Then branch and bound: an unknown that is a fraction is at most what is below it, or at least what
is above.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from constrained.deadline import look
from constrained.errors import LimitExceeded

_MOST_BRANCHES = 500


@dataclass(frozen=True, slots=True)
class Sum:
    """`low <= sum of some unknowns <= high`; no upper bound where `high` is None."""

    of: frozenset[int]
    low: int
    high: int | None = None


def solution(most: Sequence[int], sums: Sequence[Sum]) -> list[int] | None:
    """Whole numbers from 0 to `most` for each unknown that satisfy all sums; None where there are none.

    Raises LimitExceeded where neither is found in a reasonable number of branches.
    """
    todo: list[Mapping[int, tuple[int, int]]] = [{}]  # narrower bounds of unknowns
    for _ in range(_MOST_BRANCHES):
        if not todo:
            return None
        narrower = todo.pop()
        values = _Simplex(most, sums, narrower).solve()
        if values is None:
            continue
        place = next((place for place, value in enumerate(values) if value.denominator != 1), None)
        if place is None:
            return [int(value) for value in values]
        low, high = narrower.get(place, (0, most[place]))
        todo.append({**narrower, place: (low, floor(values[place]))})
        todo.append({**narrower, place: (ceil(values[place]), high)})
    raise LimitExceeded("counting items of arrays takes too many branches: too many 'contains' that overlap")


class _Simplex:
    """Unknowns 0..n-1 and, behind them, their sums; each with its bounds and its value so far."""

    def __init__(self, most: Sequence[int], sums: Sequence[Sum], narrower: Mapping[int, tuple[int, int]]) -> None:
        bounds = [narrower.get(place, (0, high)) for place, high in enumerate(most)]
        self._size = len(most)
        self._low = [low for low, _ in bounds] + [one.low for one in sums]
        self._high: list[int | None] = [*(high for _, high in bounds), *(one.high for one in sums)]
        self._values = [Fraction(low) for low, _ in bounds]
        self._rows: dict[int, dict[int, Fraction]] = {}  # basic: sum of others, each so many times
        for number, one in enumerate(sums):
            self._rows[self._size + number] = dict.fromkeys(sorted(one.of), Fraction(1))
            self._values.append(sum((self._values[place] for place in one.of), Fraction(0)))

    def solve(self) -> list[Fraction] | None:
        if any(high is not None and low > high for low, high in zip(self._low, self._high, strict=True)):
            return None
        while True:
            look()
            wrong = next((one for one in sorted(self._rows) if self._missing(one)), None)  # the first one: no cycles
            if wrong is None:
                return self._values[: self._size]
            missing = self._missing(wrong)
            other = next(
                (one for one, times in sorted(self._rows[wrong].items()) if self._can_move(one, missing * times)), None
            )
            if other is None:
                return None
            self._exchange(wrong, other, missing)

    def _missing(self, one: int) -> Fraction | int:
        """How far a value is from its bounds."""
        value, high = self._values[one], self._high[one]
        if value < self._low[one]:
            return self._low[one] - value
        return high - value if high is not None and value > high else 0

    def _can_move(self, one: int, by: Fraction) -> bool:
        high = self._high[one]
        return high is None or self._values[one] < high if by > 0 else self._values[one] > self._low[one]

    def _exchange(self, basic: int, other: int, by: Fraction | int) -> None:
        """Move `basic` by so much by means of `other`, which is basic afterwards instead of it."""
        row = self._rows.pop(basic)
        times = row.pop(other)
        step = by / times
        self._values[basic] += by
        self._values[other] += step
        told = {one: -each / times for one, each in row.items()}
        told[basic] = 1 / times
        for one, sums in self._rows.items():
            share = sums.pop(other, None)
            if share is not None:
                self._values[one] += share * step
                for place, each in told.items():
                    new = sums.get(place, Fraction(0)) + share * each
                    if new:
                        sums[place] = new
                    else:
                        sums.pop(place, None)
        self._rows[other] = told

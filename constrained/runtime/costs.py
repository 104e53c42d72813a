"""What passes cost on this machine, measured on those that are made anyway.

    seconds = (base + tokens) * per_token        base: what reading the weights costs, in tokens

Long pieces of prompts show what a token costs, passes of one token a row what is left for the rest. On
GPUs and on the CPU with a good BLAS `base` is 8 to 30; where it is near 0, tokens cost the same however
many are read at once.
"""

from collections import deque
from statistics import median

UNKNOWN = 16.0  # the base, until it has been measured
LONG = 32  # tokens of a piece that shows what a token costs
REMEMBERED = 9  # measurements, of which the median counts


class Costs:
    """The costs of passes, as far as they are known."""

    def __init__(self) -> None:
        self.base = UNKNOWN
        self._per_token: deque[float] = deque(maxlen=REMEMBERED)
        self._bases: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def per_token(self) -> float | None:
        """Seconds; None until it has been measured."""
        return median(self._per_token) if self._per_token else None

    def read(self, tokens: int, seconds: float) -> None:
        """A piece of a prompt was read."""
        if tokens >= LONG:
            self._per_token.append(seconds / (tokens + self.base))

    def passed(self, rows: int, seconds: float) -> None:
        """A pass with one token a row was made."""
        if self.per_token:
            self._bases.append(max(0.0, seconds / self.per_token - rows))
            self.base = median(self._bases)

    def affordable(self, seconds: float) -> int | None:
        """The tokens of one prompt that are read in about so many seconds, the base not wasted; None if unknown."""
        if self.per_token is None:
            return None
        return max(1, int(2 * self.base), int(seconds / self.per_token - self.base))

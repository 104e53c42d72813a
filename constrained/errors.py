"""Every deliberate exception, as one tree.

    ConstrainedError
    |-- GrammarError            the input's fault: a schema, pattern, grammar or tool list
    |   |-- InvalidGrammar      it is not a schema (pattern, grammar) at all
    |   |-- UnsupportedFeature  it is one, and we refuse rather than approximate
    |   |-- Unsatisfiable       nothing can match it
    |   |-- LimitExceeded       it costs more time, states or memory than allowed
    |   `-- OutOfTime           it costs more time than whoever asks allows (deadline.py)
    |-- TokenRefused            a matcher was given a token that its mask forbids
    |-- VocabularyError         a tokenizer whose tokens cannot be turned into bytes
    |-- ModelError              a model that cannot be found, converted or loaded, or computes nonsense
    |   `-- PromptError         a conversation that the model's chat template refuses
    |-- ShardingError           ranks that cannot work together
    `-- BudgetTooSmall          max_tokens cannot hold the shortest valid output

A `GrammarError` knows its place (`where`: a JSON pointer, or line and column) and may carry a
`hint`. `str(error)` is one line fit for a terminal: `#/properties/a: ... (hint)`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Where:
    """A path into the user's document, kept leaf to root so that descending is O(1).

    Printed as a JSON pointer in URI fragment form: `#/properties/a~1b/enum/2`. The key of the root is
    the document's URI, empty for the user's own.
    """

    parent: "Where | None" = None
    key: str | int = ""

    def __truediv__(self, key: str | int) -> "Where":
        return Where(self, key)

    def __str__(self) -> str:
        keys: list[str] = []
        place = self
        while place.parent is not None:
            keys.append(str(place.key).replace("~", "~0").replace("/", "~1"))
            place = place.parent
        return "/".join([f"{place.key}#", *reversed(keys)])


class ConstrainedError(Exception):
    """Root of everything this project raises on purpose."""


class GrammarError(ConstrainedError):
    """The input cannot become a grammar; says what, where, and what to do about it."""

    def __init__(self, message: str, *, where: Where | str = "", hint: str = "") -> None:
        self.message = message
        self.where = str(where)
        self.hint = hint
        place = f"{self.where}: " if self.where else ""
        super().__init__(f"{place}{message}{f' ({hint})' if hint else ''}")


class InvalidGrammar(GrammarError):
    """The text is not a valid schema, pattern or grammar."""


class UnsupportedFeature(GrammarError):
    """Valid, but not something that can be enforced exactly, so it is refused."""


class Unsatisfiable(GrammarError):
    """No text at all satisfies this."""


class LimitExceeded(GrammarError):
    """Compiling would exceed a configured limit."""


class OutOfTime(GrammarError):
    """The work was given up when its time was over."""


class TokenRefused(ConstrainedError):
    """The token is not allowed here; the matcher is unchanged.

    `token` is the id, `position` the number of tokens consumed before it.
    """

    def __init__(self, token: int, position: int, reason: str) -> None:
        self.token = token
        self.position = position
        super().__init__(f"token {token} is not allowed at position {position}: {reason}")


class VocabularyError(ConstrainedError):
    """The tokenizer's tokens cannot be turned into bytes."""


class ModelError(ConstrainedError):
    """A model cannot be found, converted or loaded, or its logits are not numbers."""


class PromptError(ModelError):
    """A conversation that the model's chat template refuses: the input's fault, as the model sees it."""


class ShardingError(ConstrainedError):
    """The ranks of a sharded model cannot work together (any more); says which rank, and why."""


class BudgetTooSmall(ConstrainedError):
    """`max_tokens` cannot hold the shortest valid output; `minimum` tokens can."""

    def __init__(self, budget: int, minimum: int) -> None:
        self.budget = budget
        self.minimum = minimum
        super().__init__(f"max_tokens={budget} cannot hold a valid output: it needs at least {minimum}")

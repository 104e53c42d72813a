"""What a client is told when a request is refused or fails: one error, two body shapes.

    RequestError(status, message, param, code)
        OpenAI      {"error": {"message", "type", "param", "code"}}
        Anthropic   {"type": "error", "error": {"type", "message"}}

SDKs send a request again after 408, 409, 429 and 5xx, so a status below is never one of those where
the same request would fail the same way; where the protocol leaves no other (504), `retry` says no.
"""

from dataclasses import dataclass
from typing import Any

from constrained.errors import (
    BudgetTooSmall,
    ConstrainedError,
    GrammarError,
    ModelError,
    OutOfTime,
    PromptError,
    ShardingError,
    UnsupportedFeature,
)

BAD_REQUEST, UNAUTHORIZED, NOT_FOUND, TOO_LARGE, OVERLOADED, FAILED, UNAVAILABLE, TIMED_OUT = (
    400,
    401,
    404,
    413,
    429,
    500,
    503,
    504,
)

_OPENAI_TYPES = {
    UNAUTHORIZED: "authentication_error",
    OVERLOADED: "rate_limit_error",
    FAILED: "server_error",
    UNAVAILABLE: "server_error",
    TIMED_OUT: "server_error",
}
_ANTHROPIC_TYPES = {
    UNAUTHORIZED: "authentication_error",
    NOT_FOUND: "not_found_error",
    TOO_LARGE: "request_too_large",
    OVERLOADED: "rate_limit_error",
    FAILED: "api_error",
    UNAVAILABLE: "overloaded_error",
    TIMED_OUT: "timeout_error",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request got no answer, as both body shapes need it.

    param        the field of the request that is at fault
    code         a short name that programs compare with
    retry_after  seconds after which the same request may succeed; None: it is not about time
    """

    status: int
    message: str
    param: str | None = None
    code: str | None = None
    retry_after: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What SDKs read beside the status."""
        if self.retry_after is not None:
            return {"Retry-After": str(self.retry_after)}
        return {"x-should-retry": "false"} if self.status == TIMED_OUT else {}

    def openai(self) -> dict[str, Any]:
        """The body that OpenAI's clients read."""
        kind = _OPENAI_TYPES.get(self.status, "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def anthropic(self) -> dict[str, Any]:
        """The body that Anthropic's clients read. It has no field for the place, so the message says it."""
        kind = _ANTHROPIC_TYPES.get(self.status, "invalid_request_error")
        named = self.param is None or self.message.startswith(self.param)
        return {
            "type": "error",
            "error": {"type": kind, "message": self.message if named else f"{self.param}: {self.message}"},
        }


class RequestError(ConstrainedError):
    """A request that gets no answer, and why."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


def invalid(message: str, param: str | None = None, code: str | None = None) -> RequestError:
    """The request is at fault: 400."""
    return RequestError(Problem(BAD_REQUEST, message, param, code))


def unsupported(param: str, hint: str = "") -> RequestError:
    """An option that is not honoured is refused by its name."""
    message = f"{param} is not supported" + (f": {hint}" if hint else "")
    return invalid(message, param, "unsupported_parameter")


def problem_of(error: Exception) -> Problem:
    """What went wrong, for the client. Anything that was not raised on purpose is the server's fault."""
    match error:
        case RequestError():
            return error.problem
        case OutOfTime():
            return Problem(BAD_REQUEST, str(error), error.where or None, "grammar_too_expensive")
        case GrammarError():
            code = "unsupported_value" if isinstance(error, UnsupportedFeature) else "invalid_value"
            return Problem(BAD_REQUEST, str(error), error.where or None, code)
        case BudgetTooSmall():
            return Problem(BAD_REQUEST, str(error), "max_tokens", "budget_too_small")
        case PromptError():
            return Problem(BAD_REQUEST, str(error), "messages", "template_error")
        case ModelError():
            return Problem(FAILED, str(error), code="model_failed")
        case ShardingError():
            return Problem(FAILED, str(error), code="rank_lost")
        case _:
            return Problem(FAILED, f"the server failed: {type(error).__name__}", code="internal_error")

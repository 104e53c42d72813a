"""What clients are told about each kind of error: status, field, code, type, whether to try again."""

import inspect
import json

import pytest

from constrained import errors
from constrained.errors import (
    BudgetTooSmall,
    ConstrainedError,
    InvalidGrammar,
    LimitExceeded,
    ModelError,
    OutOfTime,
    PromptError,
    ShardingError,
    TokenRefused,
    Unsatisfiable,
    UnsupportedFeature,
    VocabularyError,
)
from server.errors import Problem, RequestError, invalid, problem_of, unsupported

PLACE = "tools[0].function.parameters#/type"
INVALID, FAILED = "invalid_request_error", "server_error"
RETRIED = {408, 409, 429, 500, 502, 503, 504, 529}  # by SDKs

TABLE = [
    (InvalidGrammar("x", where=PLACE), 400, PLACE, "invalid_value", INVALID),
    (InvalidGrammar("x"), 400, None, "invalid_value", INVALID),
    (UnsupportedFeature("x", where=PLACE), 400, PLACE, "unsupported_value", INVALID),
    (Unsatisfiable("x", where=PLACE), 400, PLACE, "invalid_value", INVALID),
    (LimitExceeded("x", where=PLACE), 400, PLACE, "invalid_value", INVALID),
    (OutOfTime("x", where=PLACE), 400, PLACE, "grammar_too_expensive", INVALID),
    (OutOfTime("x"), 400, None, "grammar_too_expensive", INVALID),
    (BudgetTooSmall(3, 9), 400, "max_tokens", "budget_too_small", INVALID),
    (PromptError("x"), 400, "messages", "template_error", INVALID),
    (ModelError("logits are not numbers"), 500, None, "model_failed", FAILED),
    (ShardingError("x"), 500, None, "rank_lost", FAILED),
    (TokenRefused(1, 2, "x"), 500, None, "internal_error", FAILED),
    (VocabularyError("x"), 500, None, "internal_error", FAILED),
    (RuntimeError("secret"), 500, None, "internal_error", FAILED),
    (MemoryError(), 500, None, "internal_error", FAILED),
    (invalid("x", "stop", "too_many"), 400, "stop", "too_many", INVALID),
    (unsupported("modalities"), 400, "modalities", "unsupported_parameter", INVALID),
    (RequestError(Problem(401, "x")), 401, None, None, "authentication_error"),
    (RequestError(Problem(404, "x", "model")), 404, "model", None, INVALID),
    (RequestError(Problem(413, "x")), 413, None, None, INVALID),
    (RequestError(Problem(429, "x", retry_after=3)), 429, None, None, "rate_limit_error"),
    (RequestError(Problem(503, "x", retry_after=3)), 503, None, None, FAILED),
    (RequestError(Problem(504, "x")), 504, None, None, FAILED),
]


@pytest.mark.parametrize(("error", "status", "param", "code", "kind"), TABLE, ids=lambda one: str(one)[:20])
def test_what_a_client_is_told(error: Exception, status: int, param: str | None, code: str | None, kind: str) -> None:
    problem = problem_of(error)
    told = problem.openai()["error"]
    assert (problem.status, told["param"], told["code"], told["type"]) == (status, param, code, kind)
    assert told["message"]
    assert "secret" not in json.dumps([problem.openai(), problem.anthropic()])
    assert problem.anthropic()["type"] == "error"
    if param:
        assert param in problem.anthropic()["error"]["message"]
    if status in RETRIED - {500}:
        assert problem.headers in ({"Retry-After": "3"}, {"x-should-retry": "false"})


def test_every_error_there_is_has_a_line_in_the_table() -> None:
    kinds = {one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, ConstrainedError)}
    roots = {ConstrainedError, errors.GrammarError}
    assert kinds - roots <= {type(error) for error, *_ in TABLE}

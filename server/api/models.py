"""GET /v1/models: the model that is served, in a shape that OpenAI's and Anthropic's clients both read."""

from datetime import UTC, datetime
from typing import Any

from server.errors import NOT_FOUND, Problem, RequestError
from server.preparation import Model


def list_models(model: Model) -> dict[str, Any]:
    """Every name of it."""
    names = model.names
    return {
        "object": "list",
        "data": [_entry(model, name) for name in names],
        "has_more": False,
        "first_id": names[0],
        "last_id": names[-1],
    }


def show_model(model: Model, name: str) -> dict[str, Any]:
    """One of its names. Raises RequestError for another."""
    if name not in model.names:
        raise RequestError(Problem(NOT_FOUND, f"there is no model {name!r}", "model", "model_not_found"))
    return _entry(model, name)


def _entry(model: Model, name: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "type": "model",
        "created": model.created,
        "created_at": datetime.fromtimestamp(model.created, UTC).isoformat().replace("+00:00", "Z"),
        "owned_by": "constrained-mlx",
        "display_name": name,
        "context_length": model.context,
        "tool_format": model.family.name,
    }

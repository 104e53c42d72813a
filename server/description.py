"""The server's own OpenAPI description, with the bodies that routes read themselves."""

from typing import Any, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

REFERENCE = "#/components/schemas/{model}"


def request_of(body: type[BaseModel]) -> dict[str, Any]:
    """What a route says about its body; `described` moves the definitions to their place."""
    schema = body.model_json_schema(ref_template=REFERENCE)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def described(app: FastAPI) -> dict[str, Any]:
    """The description of all routes, made once."""
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, routes=app.routes)
        components = cast("dict[str, Any]", found.setdefault("components", {})).setdefault("schemas", {})
        for operations in found["paths"].values():
            for operation in operations.values():
                content = operation.get("requestBody", {}).get("content", {})
                for described_body in content.values():
                    components.update(described_body["schema"].pop("$defs", {}))
        app.openapi_schema = found
    return app.openapi_schema

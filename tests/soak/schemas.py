"""Twenty tools as agents declare them: nested objects, arrays, enums, patterns, bounds, optional keys."""

from typing import Any

WORD = {"type": "string", "minLength": 1, "maxLength": 16}


def closed(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    """An object with these properties, all required unless said otherwise, and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
        "additionalProperties": False,
    }


TOOLS: dict[str, dict[str, Any]] = {
    "get_weather": closed(
        ["city"],
        city=WORD,
        unit={"enum": ["celsius", "fahrenheit"]},
        days={"type": "integer", "minimum": 1, "maximum": 14},
    ),
    "send_email": closed(
        to={"type": "string", "pattern": r"^[a-z]{1,8}@[a-z]{1,8}\.(com|org)$"},
        subject=WORD,
        urgent={"type": "boolean"},
    ),
    "create_event": closed(
        title=WORD,
        start={"type": "string", "format": "date-time", "maxLength": 25},
        guests={"type": "array", "items": WORD, "maxItems": 3},
    ),
    "set_thermostat": closed(
        room={"enum": ["kitchen", "bedroom", "hall"]},
        degrees={"type": "number", "minimum": 5, "maximum": 30.5, "multipleOf": 0.5},
    ),
    "search_flights": closed(
        ["origin", "destination"],
        origin={"type": "string", "pattern": "^[A-Z]{3}$"},
        destination={"type": "string", "pattern": "^[A-Z]{3}$"},
        cabin={"enum": ["economy", "business"]},
        stops={"type": "integer", "minimum": 0, "maximum": 2},
    ),
    "add_contact": closed(
        name=closed(first=WORD, last=WORD),
        phone={"type": "string", "pattern": r"^\+?[0-9]{6,12}$"},
        tags={"type": "array", "items": {"enum": ["work", "home", "vip"]}, "uniqueItems": True},
    ),
    "play_music": closed(
        ["song"],
        song=WORD,
        artist={"anyOf": [WORD, {"type": "null"}]},
        volume={"type": "integer", "minimum": 0, "maximum": 100},
    ),
    "convert": closed(
        amount={"type": "number", "exclusiveMinimum": 0, "maximum": 1000000},
        currencies={
            "type": "array",
            "prefixItems": [{"const": "EUR"}, {"enum": ["USD", "JPY"]}],
            "items": False,
            "minItems": 2,
        },
    ),
    "draw_shape": closed(
        shape={
            "oneOf": [
                closed(kind={"const": "circle"}, radius={"type": "integer", "minimum": 1, "maximum": 99}),
                closed(
                    kind={"const": "box"},
                    width={"type": "integer", "minimum": 1, "maximum": 99},
                    height={"type": "integer", "minimum": 1, "maximum": 99},
                ),
            ]
        }
    ),
    "book_table": closed(
        ["people", "date"],
        people={"type": "integer", "minimum": 1, "maximum": 12},
        date={"type": "string", "format": "date"},
        notes={"type": "string", "maxLength": 24},
    ),
    "log_metric": {
        "type": "object",
        "additionalProperties": {"type": "integer", "minimum": -9, "maximum": 9},
        "propertyNames": {"pattern": "^[a-z]{1,6}$"},
        "minProperties": 1,
        "maxProperties": 3,
    },
    "update_user": closed(
        id={"type": "string", "format": "uuid"},
        change={"minProperties": 1, **closed([], role={"enum": ["admin", "user"]}, active={"type": "boolean"})},
    ),
    "matrix": closed(
        rows={
            "type": "array",
            "items": {
                "type": "array",
                "items": {"type": "integer", "minimum": -9, "maximum": 9},
                "minItems": 2,
                "maxItems": 2,
            },
            "minItems": 1,
            "maxItems": 2,
        }
    ),
    "file_report": closed(
        severity={"enum": [1, 2, 3]},
        component={"type": "string", "pattern": "^(ui|db|net)-[0-9]{2}$"},
        steps={"type": "array", "items": WORD, "minItems": 1, "maxItems": 3},
    ),
    "tree": {
        "$defs": {
            "node": closed(
                ["value"],
                value={"type": "integer", "minimum": 0, "maximum": 9},
                left={"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                right={"type": "null"},
            )
        },
        **closed(root={"$ref": "#/$defs/node"}),
    },
    "set_alarm": closed(
        ["time"],
        time={"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"},
        repeat={"type": "array", "items": {"enum": ["mon", "tue", "wed"]}, "uniqueItems": True, "maxItems": 3},
    ),
    "pick_color": closed(
        color={"type": "string", "pattern": "^#[0-9a-f]{6}$"},
        alpha={"type": "number", "minimum": 0, "maximum": 1, "multipleOf": 0.25},
    ),
    "route": closed(
        points={
            "type": "array",
            "minItems": 2,
            "maxItems": 3,
            "items": closed(
                lat={"type": "integer", "minimum": -90, "maximum": 90},
                lon={"type": "integer", "minimum": -180, "maximum": 180},
            ),
        }
    ),
    "vote": closed(
        ["choice"],
        choice={"type": "boolean"},
        reason={
            "not": {"type": "null"},
            "anyOf": [{"type": "string", "maxLength": 20}, {"type": "integer", "minimum": 0, "maximum": 5}],
        },
    ),
    "translate": closed(
        text={"type": "string", "minLength": 2, "maxLength": 24},
        to={"type": "string", "enum": ["de", "fr", "ja"]},
        formal={"type": "boolean"},
    ),
}

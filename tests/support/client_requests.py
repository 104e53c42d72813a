"""What real clients sent: one file a request, recorded from twenty of them (long texts are shortened)."""

import json
from dataclasses import dataclass
from typing import Any

from tests.support.shared_data import find_shared


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request: `name` is client/number."""

    name: str
    path: str
    body: dict[str, Any]


def recorded_requests() -> list[Recorded]:
    """All of them; [] where the data is not beside the checkout."""
    home = find_shared("data/client_requests")
    if home is None:
        return []
    found: list[Recorded] = []
    for file in sorted(home.glob("*/*.json")):
        request = json.loads(file.read_text())
        found.append(Recorded(f"{file.parent.name}/{file.stem}", request["path"], request["body"]))
    return found

"""What the scripts of this folder share: named checks, run one after the other against a server.

    python openai_chat.py http://127.0.0.1:52415/v1 MODEL [check ...]

Standard library only: each script runs in the virtual environment of its client.
"""

import asyncio
import inspect
import json
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

URL, MODEL = [*sys.argv[1:3], "", ""][:2]
_checks: list[Callable[[], Any]] = []

CITIES = {"Paris": "sunny", "Oslo": "snow"}


def check(function: Callable[[], Any]) -> Callable[[], Any]:
    """Add a check: a function that returns what it saw, or raises."""
    _checks.append(function)
    return function


def weather(city: str) -> str:
    """The weather in a city."""
    return CITIES.get(city, "rain")


def run() -> None:
    """Run the checks (those named, or all), tell of each, and exit with 1 if one failed."""
    wanted, failed = set(sys.argv[3:]), False
    for one in _checks:
        if wanted and one.__name__ not in wanted:
            continue
        began = time.monotonic()
        try:
            saw = one()
            if inspect.iscoroutine(saw):
                saw = asyncio.run(saw)
        except Exception:  # noqa: BLE001  whatever a client raises, the others go on
            failed, saw = True, traceback.format_exc()[-1500:]
        print(
            json.dumps({"check": one.__name__, "seconds": round(time.monotonic() - began, 1), "saw": str(saw)[:2000]})
        )
        sys.stdout.flush()
    sys.exit(failed)

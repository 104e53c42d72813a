"""Where is the data that lies beside the checkout, in `../shared`? Not everybody has it."""

from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
SHARED = CHECKOUT.parent / "shared"


def find_shared(path: str) -> Path | None:
    """The file or folder `../shared/<path>`, or None where it is absent."""
    found = SHARED / path
    return found if found.exists() else None


def shared(path: str) -> Path:
    """As `find_shared`, for a test that cannot run without it: skips with the reason."""
    found = find_shared(path)
    if found is None:
        pytest.skip(f"../shared/{path} is not beside this checkout")
    return found

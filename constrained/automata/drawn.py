"""How much a thread has drawn: bytes of transition tables before they are minimised.

Whoever compiles something within limits asks before and meanwhile. What is drawn may long be gone;
counting it all the same bounds both memory and work.
"""

import threading


class _Drawn(threading.local):
    tables = 0  # bytes


_drawn = _Drawn()


def add(size: int) -> None:
    """A table of so many bytes is drawn."""
    _drawn.tables += size


def bytes_of_tables() -> int:
    """Of all tables drawn by this thread so far."""
    return _drawn.tables

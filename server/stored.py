"""Responses kept in memory, so that a conversation can go on from one of them.

    r1: [question, answer]        r2 = previous r1 + [question, answer]

Items are shared between the responses that hold them, so a conversation costs what its new items cost.
"""

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """A response, and the conversation up to and including it."""

    response: Mapping[str, Any]
    items: tuple[Mapping[str, Any], ...]
    nbytes: int


class ResponseStore:
    """The responses used last, at most `most` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, Stored] = OrderedDict()
        self._bytes = 0

    def get(self, response_id: str) -> Stored | None:
        """The response of this id, if it is still there."""
        found = self._kept.get(response_id)
        if found is not None:
            self._kept.move_to_end(response_id)
        return found

    def put(
        self, response: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]], asked: Sequence[Mapping[str, Any]]
    ) -> None:
        """Keep a response to what was `asked` after the `earlier` items."""
        if not self._most:
            return
        added = (*asked, *response["output"])
        size = len(json.dumps(added)) + len(json.dumps(response))
        self._kept[response["id"]] = Stored(response, (*earlier, *added), size)
        self._bytes += size
        while len(self._kept) > self._most or (self._bytes > MOST_BYTES and len(self._kept) > 1):
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= dropped.nbytes

    def drop(self, response_id: str) -> bool:
        """Forget a response; False if it was not there."""
        found = self._kept.pop(response_id, None)
        self._bytes -= 0 if found is None else found.nbytes
        return found is not None

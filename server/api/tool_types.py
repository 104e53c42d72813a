"""Tools that a client runs, and tools that only OpenAI or Anthropic can run.

An agent that lists `web_search` works without it, so tools hosted elsewhere are left out, and a
header of the reply says so; `--refuse-hosted-tools` makes them an error. A kind that nobody has
heard of is always refused: the client may count on it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.errors import unsupported

CALLABLE = ("function", "custom")

HOSTED = (
    "advisor",
    "code_execution",
    "code_interpreter",
    "computer_use_preview",
    "file_search",
    "image_generation",
    "mcp",
    "mcp_toolset",
    "namespace",
    "programmatic_tool_calling",
    "tool_search",
    "tool_search_tool_bm25",
    "tool_search_tool_regex",
    "web_fetch",
    "web_search",
    "web_search_preview",
)

_DATED = re.compile(r"_20\d{6}$|_20\d\d_\d\d_\d\d$")  # web_search_20250305, web_search_preview_2025_03_11


@dataclass(frozen=True, slots=True)
class Ignorable:
    """The types of tools that are left out instead of refused."""

    types: frozenset[str] = frozenset(HOSTED)

    def covers(self, kind: str) -> bool:
        """Is this type one of them, with or without a date?"""
        return kind in self.types or _DATED.sub("", kind) in self.types


@dataclass(frozen=True, slots=True)
class Listed:
    """The tools that can be called, where each was in the request if that changed, and notes on those left out."""

    tools: tuple[Mapping[str, Any], ...]
    places: Mapping[str, str]
    notes: tuple[str, ...]


def callable_tools(tools: Sequence[Mapping[str, Any]], ignorable: Ignorable) -> Listed:
    """Sort out the tools of a request. Raises RequestError for a type that is neither callable nor ignorable."""
    kept: list[Mapping[str, Any]] = []
    places: dict[str, str] = {}
    notes: list[str] = []
    for index, tool in enumerate(tools):
        kind = tool.get("type", "function")
        if kind in CALLABLE or not isinstance(kind, str):
            if len(kept) != index:
                places[f"tools[{len(kept)}]"] = f"tools[{index}]"
            kept.append(tool)
        elif ignorable.covers(kind):
            notes.append(f"ignored tools[{index}] of type {kind}")
        else:
            raise unsupported(f"tools[{index}].type", f"a tool of type {kind!r} (only functions can be called)")
    return Listed(tuple(kept), places, tuple(notes))

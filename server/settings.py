"""How a server is set up: one record, filled from flags, then the environment, then defaults.

constrained serve --max-queue 10          the flag
CONSTRAINED_MAX_QUEUE=10                  the same, where there is no flag
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from grammars.tools.tables import FORMATS

PORT = 52415  # exo's
PREFIX = "CONSTRAINED_"

Sharding = Literal["pipeline", "tensor"]


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(f"must be at least 1, not {text}")
    return number


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(f"must be at least 0, not {text}")
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number < 1 << 16:
        raise ValueError(f"must be a port, not {text}")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < 1e9:
        raise ValueError(f"must be a number of seconds above 0, not {text}")
    return number


def _temperature(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 100:
        raise ValueError(f"must be from 0 to 100, not {text}")
    return number


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for one in text.split(",") if (name := one.strip()))


def _sharding(text: str) -> Sharding:
    if text == "pipeline" or text == "tensor":
        return text
    raise ValueError(f"must be pipeline or tensor, not {text}")


def _format(text: str) -> str:
    if text not in FORMATS:
        raise ValueError(f"there is no format {text!r}: `constrained formats` lists them")
    return text


def _level(text: str) -> str:
    if text.lower() not in ("debug", "info", "warning", "error"):
        raise ValueError(f"must be debug, info, warning or error, not {text}")
    return text.lower()


def _flag(text: str) -> bool:
    if text.lower() not in ("1", "true", "yes", "0", "false", "no"):
        raise ValueError(f"must be true or false, not {text}")
    return text.lower() in ("1", "true", "yes")


def _set(default: Any, read: Callable[[str], Any], description: str, metavar: str = "N") -> Any:
    """A setting: its default, how it is read from text, what it means."""
    return field(default=default, metadata={"read": read, "help": description, "metavar": metavar})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. The names of flags and variables follow from the names here."""

    model: str | None = _set(None, str, "an mlx-lm directory or a hub name; default: the packaged one", "MODEL")
    served_name: tuple[str, ...] = _set((), _names, "further names for the model, separated by commas", "NAMES")
    host: str = _set("127.0.0.1", str, "the address to listen at; default: this machine only", "ADDRESS")
    port: int = _set(PORT, _port, f"default: {PORT}; 0: any that is free", "PORT")
    api_key: str | None = _set(None, str, "the key that clients must send; better set in the environment", "KEY")
    cors_origin: tuple[str, ...] = _set((), _names, "web pages that may call; default: none", "ORIGINS")
    max_concurrency: int = _set(8, _positive, "answers generated at the same time; default: 8")
    max_queue: int = _set(64, _natural, "answers waiting for that, before clients are told to come again; default: 64")
    context: int | None = _set(None, _positive, "tokens of prompt and answer; default: the model's own")
    max_tokens: int = _set(4096, _positive, "of an answer, where a request does not say; default: 4096")
    temperature: float | None = _set(
        None, _temperature, "where a request does not say; default: the model's own, else 1", "T"
    )
    timeout: float = _set(600.0, _seconds, "for one request, waiting included; default: 600", "SECONDS")
    compile_timeout: float = _set(20.0, _seconds, "for the grammar of one request; default: 20", "SECONDS")
    drain: float = _set(5.0, _seconds, "for answers to end when the server is told to stop; default: 5", "SECONDS")
    heartbeat: float = _set(10.0, _seconds, "of silence after which a stream says it is alive; default: 10", "SECONDS")
    max_body_mb: int = _set(16, _positive, "the largest request, in MiB; default: 16")
    prefix_cache_mb: int = _set(1024, _natural, "memory for beginnings of prompts, in MiB; default: 1024")
    grammar_cache_mb: int = _set(1024, _positive, "memory for compiled grammars, in MiB; default: 1024")
    automata_cache_mb: int = _set(256, _natural, "memory for automata that grammars share, in MiB; default: 256")
    mask_cache_mb: int = _set(256, _natural, "memory for masks that grammars share, in MiB; default: 256")
    stored_responses: int = _set(1000, _natural, "kept for previous_response_id; default: 1000")
    tool_format: str | None = _set(None, _format, "how the model writes calls; default: found out", "FORMAT")
    relax_tools: bool = _set(False, _flag, "a tool whose schema is refused takes any arguments instead")
    refuse_hosted_tools: bool = _set(False, _flag, "refuse tools like web_search, which are left out by default")
    ignore_field: tuple[str, ...] = _set((), _names, "fields of requests to ignore instead of refusing them", "NAMES")
    sharding: Literal["pipeline", "tensor"] = _set("pipeline", _sharding, "under mlx.launch; default: pipeline", "KIND")
    log_level: str = _set("warning", _level, "debug, info, warning or error; default: warning", "LEVEL")

    @property
    def is_local(self) -> bool:
        """Can only programs on this machine connect?"""
        return self.host in ("127.0.0.1", "::1", "localhost")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """One flag for each setting."""
    for one in fields(Settings):
        name = "--" + one.name.replace("_", "-")
        if one.type is bool:
            parser.add_argument(name, nargs="?", const="true", metavar="true", help=one.metadata["help"])
        else:
            shown = one.metadata["metavar"]
            parser.add_argument(name, metavar=shown, help=one.metadata["help"])


def read_settings(options: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """The settings that flags and environment say. Raises ValueError with the name of a wrong one."""
    found: dict[str, Any] = {}
    for one in fields(Settings):
        flag, variable = options.get(one.name), environment.get(PREFIX + one.name.upper())
        text = flag if flag is not None else variable
        if text is None:
            continue
        shown = "--" + one.name.replace("_", "-") if flag is not None else PREFIX + one.name.upper()
        try:
            found[one.name] = one.metadata["read"](text)
        except ValueError as error:
            raise ValueError(f"{shown}: {error}") from None
    return Settings(**found)

"""Every setting: as a flag, as an environment variable, and what is said of a wrong one."""

import argparse
import sys
from dataclasses import fields
from typing import Any

import pytest

from server import serve
from server.settings import Settings, add_flags, read_settings

# setting: (its text, what that means, a text that is refused; None: every text means something)
TABLE: dict[str, tuple[str, Any, str | None]] = {
    "model": ("some/model", "some/model", None),
    "served_name": ("gpt-5.5, claude", ("gpt-5.5", "claude"), None),
    "host": ("0.0.0.0", "0.0.0.0", None),
    "port": ("0", 0, "65536"),
    "api_key": ("secret", "secret", None),
    "cors_origin": ("https://a.example,*", ("https://a.example", "*"), None),
    "max_concurrency": ("3", 3, "0"),
    "max_queue": ("0", 0, "-1"),
    "context": ("4096", 4096, "0"),
    "max_tokens": ("77", 77, "none"),
    "temperature": ("0", 0.0, "-0.5"),
    "timeout": ("1.5", 1.5, "0"),
    "compile_timeout": ("0.5", 0.5, "nan"),
    "drain": ("2", 2.0, "inf"),
    "heartbeat": ("3", 3.0, "x"),
    "max_body_mb": ("1", 1, "1.5"),
    "prefix_cache_mb": ("0", 0, "-5"),
    "grammar_cache_mb": ("64", 64, "0"),
    "automata_cache_mb": ("0", 0, "-1"),
    "mask_cache_mb": ("100", 100, "all"),
    "stored_responses": ("0", 0, "many"),
    "tool_format": ("hermes", "hermes", "no-such-format"),
    "relax_tools": ("true", True, "maybe"),
    "refuse_hosted_tools": ("yes", True, "2"),
    "ignore_field": ("a,b", ("a", "b"), None),
    "sharding": ("tensor", "tensor", "diagonal"),
    "log_level": ("debug", "debug", "loud"),
}


def parsed(*flags: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return vars(parser.parse_args(flags))


def test_the_table_has_every_setting() -> None:
    assert list(TABLE) == [one.name for one in fields(Settings)]


@pytest.mark.parametrize("name", TABLE)
def test_a_setting_is_a_flag_and_a_variable(name: str) -> None:
    text, value, wrong = TABLE[name]
    flag, variable = "--" + name.replace("_", "-"), "CONSTRAINED_" + name.upper()
    default = getattr(Settings(), name)
    assert value != default
    assert getattr(read_settings(parsed(), {}), name) == default
    assert getattr(read_settings(parsed(flag, text), {}), name) == value
    assert getattr(read_settings(parsed(), {variable: text}), name) == value
    if wrong is not None:
        assert getattr(read_settings(parsed(flag, text), {variable: wrong}), name) == value  # the flag counts
        with pytest.raises(ValueError, match=flag):
            read_settings(parsed(flag, wrong), {})
        with pytest.raises(ValueError, match=variable):
            read_settings(parsed(), {variable: wrong})


@pytest.mark.parametrize("name", ["relax_tools", "refuse_hosted_tools"])
def test_a_switch_needs_no_value(name: str) -> None:
    assert getattr(read_settings(parsed("--" + name.replace("_", "-")), {}), name) is True


def test_what_grammars_share_is_bounded_as_it_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, int] = {}
    monkeypatch.setattr(serve, "limit_memory", lambda **bounds: given.update(bounds))
    interval = sys.getswitchinterval()
    try:
        with pytest.raises(OSError, match=r"."):  # no such address: it is not served
            serve.serve(Settings(host="256.0.0.1", automata_cache_mb=3, mask_cache_mb=5), print)
    finally:
        sys.setswitchinterval(interval)
    assert given == {"automata": 3 << 20, "masks": 5 << 20}

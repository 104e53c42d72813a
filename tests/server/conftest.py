"""Servers for tests: real processes with a tiny model of random weights."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.runtime.tiny import THINKING, THINKING_TEMPLATE, write_model
from tests.support.http_server import Server

KEY = "a key"


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def thinking_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("thinking"), more_control=THINKING, template=THINKING_TEMPLATE)


@pytest.fixture(scope="session")
def servers(
    tiny_model: Path, thinking_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Server]]:
    """Two servers, started together: starting is mostly importing."""
    logs = tmp_path_factory.mktemp("logs")
    common = ["--served-name", "tiny", "--heartbeat", "0.2", "--temperature", "0.7"]
    narrow = "--context 40000 --max-concurrency 1 --max-queue 1 --timeout 2 --stored-responses 1 --max-body-mb 1"
    flags = (
        [*common, "--model", str(tiny_model), "--max-tokens", "200", "--context", "8000", "--max-concurrency", "2"],
        [*common, "--model", str(thinking_model), *narrow.split(), "--refuse-hosted-tools", "--relax-tools"],
    )
    keys: tuple[dict[str, str], ...] = ({}, {"CONSTRAINED_API_KEY": KEY})
    with ThreadPoolExecutor(2) as pool:
        started = [
            pool.submit(Server, *each, log=logs / f"{number}.log", environment=key)
            for number, (each, key) in enumerate(zip(flags, keys, strict=True))
        ]
        first, second = (one.result() for one in started)
    for server, model in ((first, tiny_model), (second, thinking_model)):
        vocabulary = json.loads((model / "tokenizer.json").read_text())["model"]["vocab"]
        server.tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    with first, second:
        yield first, second


@pytest.fixture
def server(servers: tuple[Server, Server]) -> Server:
    """A server with room for everybody."""
    return servers[0]


@pytest.fixture
def narrow_server(servers: tuple[Server, Server]) -> Server:
    """A server with a key, room for one, two seconds, little memory, a model that may think, and relaxed tools."""
    return servers[1]

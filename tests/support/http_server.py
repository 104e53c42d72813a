"""A real server process, and a plain client for it."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.shared_data import CHECKOUT

START_SECONDS = 300  # where kernels are not compiled yet, and the machine is busy


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def events(self) -> list[tuple[str | None, Any]]:
        """The server-sent events with data: (name, data)."""
        return list(read_events(self.raw.decode().splitlines()))


class Server:
    """A process that serves. Close it, or use it in a `with`."""

    def __init__(
        self,
        *flags: str,
        log: Path,
        environment: dict[str, str] | None = None,
        program: Sequence[str] = ("-m", "server.cli"),
    ) -> None:
        self.log = log
        self.tokens: list[str] = []  # of the model, where a fixture knows them
        self.key = (environment or {}).get("CONSTRAINED_API_KEY", "")
        command = [sys.executable, *program, "serve", "--port", "0", *flags]
        variables = {**os.environ, "PYTHONPATH": str(CHECKOUT), **(environment or {})}
        with log.open("wb") as errors:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=variables, text=True)
        self.greeting = ""  # what it prints when it is ready
        self.port = self._wait_for_port()

    def _wait_for_port(self) -> int:
        timer = threading.Timer(START_SECONDS, self.process.kill)
        timer.start()
        try:
            assert self.process.stdout is not None
            found = None
            while found is None and (line := self.process.stdout.readline()):
                found = re.search(r":(\d+)/v1", line)
            if found is not None:
                self.greeting = line + self.process.stdout.readline() + self.process.stdout.readline()
        finally:
            timer.cancel()
        if found is None:
            self.stop()
            raise AssertionError(f"the server did not start: {self.log.read_text()}")
        return int(found[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connection(self, timeout: float = 60) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None, timeout: float = 60
    ) -> Answer:
        """Send a request and read all of the answer. A body that is bytes is sent as it is."""
        with contextlib.closing(self.connection(timeout)) as connection:
            raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            connection.request(method, path, raw, {"Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    def post(self, path: str, body: object, **more: Any) -> Answer:
        return self.request("POST", path, body, **more)

    def get(self, path: str, **more: Any) -> Answer:
        return self.request("GET", path, **more)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric over all labels but these."""
        lines = self.get("/metrics", headers={"x-api-key": self.key}).raw.decode().splitlines()
        found = [line for line in lines if re.match(rf"{name}(\{{| )", line)]
        given = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(float(line.rpartition(" ")[2]) for line in found if all(one in line for one in given))

    @property
    def resident_bytes(self) -> int:
        """Memory of the process (Linux)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) << 10 if found else 0

    @property
    def processor_seconds(self) -> float:
        """Processor time of the process (Linux)."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self, seconds: float = 60) -> int:
        """SIGTERM; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            if self.process.stdout is not None:
                self.process.stdout.close()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def read_events(lines: Iterator[str] | list[str]) -> Iterator[tuple[str | None, Any]]:
    """Server-sent events: name, and data as JSON where it is JSON."""
    name: str | None = None
    for line in lines:
        line = line.rstrip("\r\n")
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            text = line.removeprefix("data: ")
            yield name, text if text == "[DONE]" else json.loads(text)
            name = None

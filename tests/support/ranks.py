"""Several ranks of a command on this machine, as `mlx.launch` starts them, but each in our own hands."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def free_ports(count: int) -> list[int]:
    """Ports that follow each other, one below them included, none in use."""
    while True:
        with ExitStack() as stack:
            try:
                first = stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
                for port in range(first + 1, first + count + 1):
                    stack.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            return list(range(first + 1, first + count + 1))


class Ranks:
    """Processes of one command; `with` ends those that are left."""

    def __init__(self, count: int, arguments: Sequence[str], environment: dict[str, str] | None = None) -> None:
        ports = free_ports(count)
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
            json.dump([[f"127.0.0.1:{port}"] for port in ports], file)
        self._hosts = Path(file.name)
        base = {**os.environ, "PYTHONPATH": str(ROOT), "MLX_HOSTFILE": file.name, **(environment or {})}
        self.processes = [
            subprocess.Popen(
                [sys.executable, *arguments],
                env=base | {"MLX_RANK": str(rank)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(count)
        ]

    def finish(self, seconds: float) -> list[tuple[int, str, str]]:
        """(exit code, stdout, stderr) of every rank, in `seconds` at most for each."""
        found: list[tuple[int, str, str]] = []
        for process in self.processes:
            out, err = process.communicate(timeout=seconds)
            found.append((process.returncode, out, err))
        return found

    def __enter__(self) -> "Ranks":
        return self

    def __exit__(self, *_: Any) -> None:
        for process in self.processes:
            process.kill()
            for stream in (process.stdout, process.stderr):
                if stream and not stream.closed:
                    stream.close()
            process.wait()
        self._hosts.unlink()

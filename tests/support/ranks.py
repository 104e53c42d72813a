"""Several ranks of a command on this machine, as `mlx.launch` starts them, but each in our own hands."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
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


Reached = Callable[[int], int]


def directly(port: int) -> int:
    """Ranks reach each other's ports as they are."""
    return port


class Ranks:
    """Processes of one command; `with` ends those that are left. `reached`: the port by which others reach one."""

    def __init__(self, count: int, arguments: Sequence[str], reached: Reached = directly) -> None:
        ports = free_ports(count)
        self._files = tempfile.TemporaryDirectory()
        self.processes: list[subprocess.Popen[str]] = []
        for rank in range(count):
            ways = [port if port == ports[rank] else reached(port) for port in ports]
            hosts = Path(self._files.name) / f"{rank}.json"
            hosts.write_text(json.dumps([[f"127.0.0.1:{port}"] for port in ways]))
            control = ports[0] - 1 if rank == 0 else reached(ports[0] - 1)
            environment = os.environ | {
                "PYTHONPATH": str(ROOT),
                "MLX_HOSTFILE": str(hosts),
                "MLX_RANK": str(rank),
                "CONSTRAINED_CONTROL": f"127.0.0.1:{control}",
            }
            command = [sys.executable, *arguments]
            out = subprocess.PIPE
            self.processes.append(subprocess.Popen(command, env=environment, stdout=out, stderr=out, text=True))

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
        self._files.cleanup()

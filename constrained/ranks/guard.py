"""Ends a process that hangs while MLX connects the ranks.

`mx.distributed.init` waits for ever for a rank that never comes, and holds Python's lock while it does: no
thread of ours runs. So a second, tiny process holds the clock:

    this process    start ---- init ---- close the pipe
    the guard               wait for that ... or, after `seconds`, say why and end this process
"""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

_GUARD = """
import os, select, signal, sys
seconds, process, message = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if not select.select([0], [], [], seconds)[0] and os.getppid() == process:
    print(message, file=sys.stderr, flush=True)
    os.kill(process, signal.SIGKILL)
"""


@contextmanager
def ends_after(seconds: float, message: str) -> Generator[None]:
    """Kill this process, with `message` on stderr, if the block takes longer than `seconds`."""
    guard = subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", _GUARD, str(seconds), str(os.getpid()), message], stdin=subprocess.PIPE
    )
    try:
        yield
    finally:
        assert guard.stdin is not None
        guard.stdin.close()
        guard.wait()

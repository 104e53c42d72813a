"""The example of tool calling runs as it stands, against a server with random weights."""

import os
import re
import subprocess
import sys

import pytest

from tests.support.http_server import Server
from tests.support.shared_data import CHECKOUT

EXAMPLE = CHECKOUT / "examples" / "tool_calling_example.py"


def test_the_example_executes_what_the_model_calls(server: Server) -> None:
    pytest.importorskip("openai")
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", str(EXAMPLE), f"{server.url}/v1"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert ran.returncode == 0, ran.stderr
    results = re.findall(
        r"^(?:multiply\(a=\d+, b=\d+\) = \d+|forecast\(city='\w+', days=\d\) = \[.*\])$", ran.stdout, re.M
    )
    assert results, ran.stdout

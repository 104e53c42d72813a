"""The example of tool calling runs as it stands: against a server with random weights, and with the packaged model."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from constrained.errors import ModelError
from constrained.runtime.packaged_model import find_gguf
from tests.support.http_server import Server
from tests.support.shared_data import CHECKOUT

EXAMPLE = CHECKOUT / "examples" / "tool_calling_example.py"
RESULT = re.compile(r"^(?:multiply\(a=\d+, b=\d+\) = \d+|forecast\(city='\w+', days=\d\) = \[.*\])$", re.MULTILINE)


def run_example(server: Server) -> str:
    pytest.importorskip("openai")
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", str(EXAMPLE), f"{server.url}/v1"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_example_executes_what_the_model_calls(server: Server) -> None:
    assert RESULT.findall(run_example(server))


@pytest.mark.model
def test_with_the_packaged_model_the_example_computes_what_was_asked(tmp_path: Path) -> None:
    try:
        find_gguf()
    except ModelError as error:
        pytest.skip(str(error))
    with Server("--temperature", "0", log=tmp_path / "log") as server:
        said = run_example(server)
        assert server.stop() == 0
    assert RESULT.findall(said), said

"""The command as a process: interrupts, pipes, full disks, locales."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import constrained
from constrained.native import finder
from server import cli
from tests.support.command_line import WEATHER, run


def test_the_version_is_the_packages(capsys):
    assert run(capsys, "--version")[:2] == (
        0,
        f"constrained-mlx {constrained.__version__} (engine {finder.engine().kind})\n",
    )


def test_an_interrupt_is_one_line(capsys, monkeypatch, written):
    def interrupted(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "read_json", interrupted)
    code, out, err = run(capsys, "check", written(WEATHER))
    assert (code, out, err) == (130, "", "constrained: interrupted\n")


def test_a_reader_that_goes_away_is_no_error(written):
    command = [sys.executable, "-m", "server.cli", "check", written(WEATHER)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
    assert b"Traceback" not in errors
    assert process.returncode == cli.BROKEN_PIPE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line(written):
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "server.cli", "check", written(WEATHER)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


def test_output_is_utf8_whatever_the_locale(written):
    command = [sys.executable, "-m", "server.cli", "check", "--json", written({"enum": ["é"], "title": "é"})]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 0
    done.stdout.decode("utf-8")


def test_help_does_not_load_mlx():
    program = "import sys; from server import cli; cli._parser(); print('mlx.core' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"

"""Commands on several real ranks over loopback: the same answer as one process, and an end when one is lost."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from constrained.ranks.channel import EXIT, GRACE, PATIENCE, SILENCE
from tests.runtime import tiny
from tests.support.ranks import ROOT, Ranks, free_ports

QUESTION = ["-m", "server.cli", "generate", "Say something."]
FORM = ["--regex", r"\{[a-z]{3,12}(, [0-9]{1,4}){2,5}\}", "--temperature", "1.0", "--seed", "7"]
ENDS_WITHIN = SILENCE + GRACE + 3  # seconds after a loss; the last for a busy machine


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return str(tiny.write_model(tmp_path_factory.mktemp("tiny"), layers=6))


def alone(arguments: list[str]) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def on_ranks(count: int, arguments: list[str]) -> str:
    with Ranks(count, arguments) as ranks:
        done = ranks.finish(100)
    assert [code for code, _, _ in done] == [0] * count, done
    assert [out for _, out, _ in done[1:]] == [""] * (count - 1)
    return done[0][1]


def test_two_ranks_say_what_one_says(model):
    arguments = [*QUESTION, "--model", model, *FORM]
    assert on_ranks(2, arguments) == alone(arguments) != ""


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.parametrize(("count", "sharding"), [(2, "pipeline"), (3, "pipeline"), (3, "tensor")])
def test_the_packaged_model_says_the_same_on_several_ranks(count, sharding):
    arguments = [*QUESTION, *FORM]
    assert on_ranks(count, [*arguments, "--sharding", sharding]) == alone(arguments) != ""


def test_ranks_with_different_models_are_refused_with_both_values(model, tmp_path):
    other = tiny.write_model(tmp_path, layers=6)
    config = (other / "config.json").read_text()
    (other / "config.json").write_text(config.replace('"rms_norm_eps": 1e-05', '"rms_norm_eps": 1e-06'))
    script = (
        "import os, sys; from server.cli import main;"
        f"sys.exit(main(['generate', 'x', '--choice', 'a', 'b', '--model', "
        f"{model!r} if os.environ['MLX_RANK'] == '0' else {str(other)!r}]))"
    )
    with Ranks(2, ["-c", script]) as ranks:
        done = ranks.finish(60)
    assert [code for code, _, _ in done] == [1, EXIT]
    for _, _, said in done:
        assert "model configuration is " in said
        assert "on rank 0 and " in said


@pytest.mark.parametrize("lost", [1, pytest.param(0, marks=pytest.mark.slow)])
def test_a_rank_that_is_killed_while_decoding_ends_the_other(model, lost):
    endless = [*QUESTION, "--model", model, "--regex", "[a-z]{4000}", "--max-tokens", "100000"]
    with Ranks(2, endless) as ranks:
        wait_for(ranks.processes[0], "then generating")
        time.sleep(1)
        check_the_others_end(ranks, lost, signal.SIGKILL)


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    """Read stderr up to a line with `text`."""
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"it ended before it said {text!r}")


def check_the_others_end(ranks: Ranks, lost: int, how: signal.Signals, within: float = ENDS_WITHIN) -> float:
    """Lose a rank; the others end in time, not as if all were well, and name it. Returns the seconds they took."""
    ranks.processes[lost].send_signal(how)
    began = time.monotonic()
    others = [process for rank, process in enumerate(ranks.processes) if rank != lost]
    for process in others:
        _, said = process.communicate(timeout=max(0.1, within - (time.monotonic() - began)))
        assert process.returncode not in (0, None)
        assert f"rank {lost} is lost" in said or (within > ENDS_WITHIN and "could not connect the ranks" in said)
    return time.monotonic() - began


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_twenty_losses_of_any_rank_at_any_time_end_all(model, tmp_path):
    """At the start, while a prompt is read, while tokens are generated; killed, or stopped without a word."""
    prompt = tmp_path / "long.txt"
    prompt.write_text("word " * 20_000)
    took: list[str] = []
    for number in range(20):
        lost, phase = number % 3, ("start", "prefill", "decode")[number // 3 % 3]
        how = signal.SIGSTOP if number % 4 == 3 else signal.SIGKILL
        text = prompt.read_text() if phase == "prefill" else "x"
        command = ["-m", "server.cli", "generate", text, "--model", model]
        with Ranks(3, [*command, "--regex", "[a-z]{4000}", "--max-tokens", "100000"]) as ranks:
            for rank, process in enumerate(ranks.processes):
                wait_for(process, "waiting" if phase == "start" else "generating" if rank == 0 else "loading")
            time.sleep(0.5 if phase == "start" else 1.0 + number / 20)
            seconds = check_the_others_end(ranks, lost, how, ENDS_WITHIN + (PATIENCE if phase == "start" else 0))
            took.append(f"{phase} rank {lost} {how.name} {seconds:.1f} s")
    print("\n".join(took))  # noqa: T201


@pytest.mark.slow
def test_the_launcher_of_mlx_starts_ranks(model):
    launcher = Path(sys.executable).with_name("mlx.launch")
    command = [
        str(launcher),
        "-n",
        "2",
        "--backend",
        "ring",
        "-p",
        str(free_ports(2)[0]),
        "--env",
        f"PYTHONPATH={ROOT}",
    ]
    command += ["--python", sys.executable, "--", *QUESTION, "--model", model, "--choice", "yes"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    assert done.stdout == "yes\n"

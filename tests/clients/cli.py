"""Agents that are programs, driven as a user would: opencode, codex, qwen-code, claude-code.

Their first request is 5,000 to 15,000 tokens long, which the packaged model takes minutes to read on a CPU.
So they meet a tiny model with a long context (eager_model.py). What it says is nonsense, but valid, so each
agent must go through its loop: call, run the tool or refuse to, send the result, until nothing is called.

Nothing that the model makes up may do harm: each agent has a home and a project of its own in a temporary
folder, and may not run commands or write files.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.clients.eager_model import write_eager_model
from tests.support.http_server import Server
from tests.support.tokenizers import find_tokenizer

PACKAGES = {
    "opencode-ai": "1.18.33",
    "@openai/codex": "0.169.0",
    "@qwen-code/qwen-code": "0.24.4",
    "@anthropic-ai/claude-code": "2.1.332",
}
LOOKING = ("read", "Read", "glob", "Glob", "grep", "list", "todo", "update_plan", "view_image", "read_file", "get_goal")
MODEL, GPT = "eager", "gpt-5.5"  # codex has other tools for a model that it knows
SECONDS, ATTEMPTS = 300, 4
TASK = "Read a.txt"


@dataclass(frozen=True, slots=True)
class Agent:
    """How an agent is told where the server is. `path`: what it calls; `codes`: what it may end with."""

    path: str
    command: Callable[[str, Path], list[str]]
    variables: Callable[[str, Path], dict[str, str]] = lambda url, home: {}
    files: Callable[[str], dict[str, str]] = lambda url: {}
    codes: tuple[int, ...] = field(default=(0,))


def _opencode(url: str) -> dict[str, str]:
    options = {"baseURL": f"{url}/v1", "apiKey": "none"}
    models = {MODEL: {"name": MODEL, "tool_call": True, "limit": {"context": 131072, "output": 4096}}}
    provider = {"npm": "@ai-sdk/openai-compatible", "name": "constrained", "options": options, "models": models}
    denied = dict.fromkeys(("bash", "edit", "webfetch", "task"), "deny")
    settings = {"provider": {"constrained": provider}, "permission": denied, "autoupdate": False, "share": "disabled"}
    return {"opencode.json": json.dumps(settings)}


def _codex(model: str) -> Callable[[str, Path], list[str]]:
    def command(url: str, home: Path) -> list[str]:
        provider = f'model_providers.c={{name="c",base_url="{url}/v1",wire_api="responses"}}'
        flags = ["--skip-git-repo-check", "-s", "read-only", "-c", 'model_provider="c"', "-c", provider, "-m", model]
        return ["codex", "exec", *flags, TASK]

    return command


AGENTS = {
    "opencode": Agent(
        "/v1/chat/completions",
        lambda url, home: ["opencode", "run", "-m", f"constrained/{MODEL}", TASK],
        files=_opencode,
    ),
    "codex": Agent("/v1/responses", _codex(MODEL), lambda url, home: {"CODEX_HOME": str(home)}),
    "codex_gpt": Agent("/v1/responses", _codex(GPT), lambda url, home: {"CODEX_HOME": str(home)}),
    "qwen_code": Agent(
        "/v1/chat/completions",
        lambda url, home: ["qwen", "--auth-type", "openai", "--max-session-turns", "6", "-p", TASK],
        lambda url, home: {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "none", "OPENAI_MODEL": MODEL},
        codes=(0, 53),  # 53: the limit of turns
    ),
    "claude_code": Agent(
        "/v1/messages",
        lambda url, home: ["claude", "-p", TASK, "--model", MODEL, "--max-turns", "6", "--output-format", "json"],
        lambda url, home: {
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": "none",
            "ANTHROPIC_SMALL_FAST_MODEL": MODEL,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        },
        codes=(0, 1),  # 1: the limit of turns
    ),
}
NAMES = tuple(AGENTS)


def run(names: list[str], folder: Path, environments: Path) -> list[str]:
    """Drive these agents; return those that failed."""
    if not names:
        return []
    tokenizer = find_tokenizer("qwen3")
    if tokenizer is None:
        print("the tokenizer qwen3 is not here: run `python -m tests.fetch_tokenizers`")
        return names
    programs = _install(environments / "cli")
    model = write_eager_model(folder / "eager", tokenizer.parent, LOOKING)
    flags = ("--model", str(model), "--served-name", f"{MODEL},{GPT}", "--max-tokens", "300")
    with Server(*flags, log=folder / "eager.log") as server:
        return [name for name in names if not _passes(name, server, folder / name, programs)]


def _install(home: Path) -> Path:
    wanted = json.dumps({"private": True, "dependencies": PACKAGES})
    manifest = home / "package.json"
    if not manifest.is_file() or json.loads(manifest.read_text()) != json.loads(wanted):
        print("installing agents", flush=True)
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        manifest.write_text(wanted)
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=home, check=True)
    return home / "node_modules" / ".bin"


def _passes(name: str, server: Server, folder: Path, programs: Path) -> bool:
    """Run an agent until it has gone through its loop at least once; tell what was seen."""
    agent = AGENTS[name]
    for attempt in range(ATTEMPTS):  # the model may have nothing to call in its first turn
        before = _seen(server, agent.path)
        ran = _run(agent, server, folder / str(attempt), programs)
        answers, refusals, prompt, cached = (b - a for a, b in zip(before, _seen(server, agent.path), strict=True))
        if refusals or ran.returncode not in agent.codes:
            print(f"{name}: FAILED, exit code {ran.returncode}, {refusals:.0f} refusals\n{ran.stdout}\n{ran.stderr}")
            return False
        if answers > 1 and cached > prompt / 3:
            print(f"{name}: {answers:.0f} turns, {cached:.0f} of {prompt:.0f} prompt tokens from the cache", flush=True)
            return True
    print(f"{name}: FAILED, it never came back with a result")
    return False


def _run(agent: Agent, server: Server, folder: Path, programs: Path) -> "subprocess.CompletedProcess[str]":
    home, project = folder / "home", folder / "project"
    for place in (home, project):
        place.mkdir(parents=True)
    for file, text in {"a.txt": "hello\n", **agent.files(server.url)}.items():
        (project / file).write_text(text)
    program, *arguments = agent.command(server.url, home)
    variables = {"PATH": os.environ["PATH"], "HOME": str(home), **agent.variables(server.url, home)}
    return subprocess.run(
        [str(programs / program), *arguments],
        cwd=project,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def _seen(server: Server, path: str) -> tuple[float, float, float, float]:
    """Answers and refusals at a path; tokens of prompts, and of those the known ones."""
    answers = server.metric("constrained_requests_total", path=path, status="200")
    refusals = server.metric("constrained_requests_total", path=path) - answers
    prompt, cached = (server.metric(f"constrained_prompt_tokens{part}_total") for part in ("", "_cached"))
    return answers, refusals, prompt, cached

"""Run real clients against a real server: `python -m tests.clients.run [--list] [CLIENT ...]`.

    python/NAME_client.py   in a virtual environment of its own, from requirements/NAME.txt
    node/NAME/*.mjs         with its own node_modules, from its package.json
    cli.py                  agents that are programs, driven as a user would
    description.py          requests made from the server's own description

Environments lie in .clients/ and are made again when their requirements change. Every check is one line;
the exit code says whether all passed.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.clients import cli, description
from tests.support.http_server import Server
from tests.support.shared_data import CHECKOUT

HERE = Path(__file__).parent
ENVIRONMENTS = CHECKOUT / ".clients"
SECONDS = 900  # for one client


@dataclass(frozen=True, slots=True)
class Client:
    """A client: how it is installed, and the command that checks it against (url, model)."""

    name: str
    install: Callable[[], None]
    command: Callable[[str, str], list[str]]
    directory: Path = HERE / "python"


def clients() -> list[Client]:
    """Those that check themselves."""
    scripts = sorted((HERE / "python").glob("*_client.py"))
    found = [_python(file.stem.removesuffix("_client")) for file in scripts]
    return found + [_node(file.parent) for file in sorted((HERE / "node").glob("*/package.json"))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="clients; default: all")
    parser.add_argument("--list", action="store_true", help="only say which there are")
    options = parser.parse_args()
    known = [*(one.name for one in clients()), *cli.NAMES, *description.NAMES]
    if options.list:
        print("\n".join(known))
        return 0
    if unknown := set(options.names) - set(known):
        parser.error(f"unknown clients: {', '.join(sorted(unknown))}")
    wanted = options.names or known
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        chosen = [one for one in clients() if one.name in wanted]
        if chosen:
            for one in chosen:
                one.install()
            with Server("--max-tokens", "200", "--temperature", "0", log=Path(folder, "server.log")) as server:
                failed += [one.name for one in chosen if not _passes(one, server)]
        for name in description.NAMES:
            if name in wanted:
                _python(name).install()
                failed += description.run(ENVIRONMENTS / name / "bin" / name, Path(folder))
        failed += cli.run([name for name in cli.NAMES if name in wanted], Path(folder), ENVIRONMENTS)
    print(f"failed: {', '.join(failed)}" if failed else "all clients passed")
    return bool(failed)


def _passes(client: Client, server: Server) -> bool:
    """Run a client's checks and tell of each."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "OPENAI_API_KEY": "none"}
    environment.pop("PYTHONPATH", None)
    url = f"{server.url}/v1"
    command = client.command(url, "SmolLM2-135M-Instruct")
    try:
        ran = subprocess.run(
            command, cwd=client.directory, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        print(f"{client.name}: took more than {SECONDS} s", flush=True)
        return False
    for line in ran.stdout.splitlines():
        try:
            told = json.loads(line)
            print(f"{client.name}: {told['check']} ({told['seconds']} s): {told['saw']}")
        except (ValueError, TypeError, KeyError):
            print(f"{client.name}: {line}")
    if ran.returncode:
        print(f"{client.name}: FAILED\n{ran.stderr[-4000:]}")
    sys.stdout.flush()
    return ran.returncode == 0


# ---------------------------------------------------------------- installation


def _python(name: str) -> Client:
    home, requirements = ENVIRONMENTS / name, HERE / "requirements" / f"{name}.txt"

    def install() -> None:
        if _is_current(home, requirements):
            return
        print(f"installing {name}", flush=True)
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(requirements)], check=True)
        _note(home, requirements)

    def command(url: str, model: str) -> list[str]:
        return [str(home / "bin" / "python"), f"{name}_client.py", url, model]

    return Client(name, install, command)


def _node(home: Path) -> Client:
    place = ENVIRONMENTS / home.name

    def install() -> None:
        if not _is_current(place, home / "package.json"):
            print(f"installing {home.name}", flush=True)
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            shutil.copy(home / "package.json", place)
            subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=place, check=True)
            _note(place, home / "package.json")
        for script in home.glob("*.mjs"):
            shutil.copy(script, place)  # a module is looked up from where its script lies
        shutil.copy(HERE / "node" / "checks.mjs", place)

    def command(url: str, model: str) -> list[str]:
        return ["node", str(place / "client.mjs"), url, model]

    return Client(home.name, install, command, directory=place if place.exists() else home)


def _digest(requirements: Path) -> str:
    return hashlib.sha256(requirements.read_bytes()).hexdigest()


def _is_current(home: Path, requirements: Path) -> bool:
    stamp = home / ".installed"
    return stamp.is_file() and stamp.read_text() == _digest(requirements)


def _note(home: Path, requirements: Path) -> None:
    (home / ".installed").write_text(_digest(requirements))


if __name__ == "__main__":
    sys.exit(main())

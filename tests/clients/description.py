"""The server against its own description: schemathesis makes requests from /openapi.json, right ones and wrong ones.

None may be answered with a server's error, or not at all.
"""

import subprocess
import sys
from pathlib import Path

from tests.runtime.tiny import write_model
from tests.support.http_server import Server

NAMES = ("schemathesis",)
CHECKS = ("-c", "not_a_server_error", "--max-response-time", "60", "--request-timeout", "120", "--warnings", "off")
EXAMPLES, SECONDS = 40, 1200


def run(program: Path, folder: Path, seed: int = 1) -> list[str]:
    """Run it; return what failed."""
    (folder / "described").mkdir()
    model = write_model(folder / "described")
    flags = ("--model", str(model), "--max-tokens", "8", "--context", "3000")
    with Server(*flags, log=folder / "described.log") as server:
        command = [str(program), "run", f"{server.url}/openapi.json", *CHECKS, "-n", str(EXAMPLES), "--seed", str(seed)]
        ran = subprocess.run(
            [*command, "--phases", "examples,coverage,fuzzing"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        well = server.get("/health").body == {"status": "ok", "pending": 0}
    cases = next((line.strip() for line in ran.stdout.splitlines() if "generated" in line), "no cases")
    print(f"schemathesis: {cases}", flush=True)
    if ran.returncode or not well:
        print(f"schemathesis: FAILED\n{ran.stdout[-4000:]}", file=sys.stdout)
        return list(NAMES)
    return []

"""The only timing code: run something some times, keep the times, write one JSON line per row.

Machines are noisy, so medians are quoted, and what is compared is measured alternately (A B A B) in one
run. `cpu` is processor time: other load on the machine disturbs it less than wall time.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One measured thing; times in microseconds."""

    what: str
    runs: int
    median_us: float
    least_us: float
    most_us: float
    note: str = ""


def measure(what: str, run: Callable[[], object], *, runs: int = 5, cpu: bool = False, note: str = "") -> Row:
    """Time `run` several times."""
    clock = time.process_time_ns if cpu else time.perf_counter_ns
    times: list[float] = []
    for _ in range(runs):
        before = clock()
        run()
        times.append((clock() - before) / 1000)
    return row(what, times, note=note)


def row(what: str, times_us: Iterable[float], *, note: str = "") -> Row:
    """Summarise times taken elsewhere."""
    times = sorted(times_us)
    return Row(what, len(times), round(median(times), 1), round(times[0], 1), round(times[-1], 1), note)


def machine() -> dict[str, Any]:
    """Where and of what this was measured."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        **_gpu(),
    }


def _gpu() -> dict[str, str]:
    """The GPU that MLX used, if it used one."""
    mlx = sys.modules.get("mlx.core")
    if mlx is None or mlx.default_device() != mlx.gpu:
        return {}
    return {"gpu": str(mlx.device_info().get("device_name"))}


def publish(name: str, rows: list[Row]) -> None:
    """Print a table, and keep it as JSON lines in results/."""
    width = max(len(one.what) for one in rows)
    print(f"\n{name}")
    for one in rows:
        spread = f"({one.least_us:,.1f} .. {one.most_us:,.1f})"
        print(f"  {one.what:{width}}  {one.median_us:12,.1f} us  {spread}  {one.note}")
    RESULTS.mkdir(exist_ok=True)
    lines = [json.dumps({"machine": machine()}), *(json.dumps(asdict(one)) for one in rows)]
    (RESULTS / f"{name}.jsonl").write_text("\n".join(lines) + "\n")

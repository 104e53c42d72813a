"""Fifty sequences, each the same token for token on one process and on several ranks."""

import json
import subprocess
import sys

import pytest

from tests.support.ranks import ROOT, Ranks

COMMAND = ["-m", "tests.soak.sharded"]

pytestmark = [pytest.mark.slow, pytest.mark.model, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def alone() -> list[list[int]]:
    done = subprocess.run([sys.executable, *COMMAND], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(("count", "sharding"), [(2, "pipeline"), (3, "pipeline"), (3, "tensor")])
def test_several_ranks_say_what_one_process_says(alone, count, sharding):
    with Ranks(count, [*COMMAND, sharding]) as ranks:
        done = ranks.finish(3000)
    assert [code for code, _, _ in done] == [0] * count, done
    said = json.loads(done[0][1])
    different = [number for number, (one, other) in enumerate(zip(alone, said, strict=True)) if one != other]
    print(f"{count} ranks, {sharding}: {len(said) - len(different)} of {len(said)} equal, {sum(map(len, said))} tokens")  # noqa: T201
    assert len(said) == 50
    assert different == []

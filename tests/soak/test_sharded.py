"""Fifty sequences, each the same token for token on one process and on several ranks.

The packaged model has 9 heads, 3 of which hold keys: it can be split in three, not in two. So there is another
one, of random weights, with 6 of each.
"""

import dataclasses
import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from constrained.runtime.packaged_model import packaged_model
from tests.runtime import tiny
from tests.support.ranks import ROOT, Ranks

import mlx.core as mx  # isort: skip  # after constrained.runtime, which loads a BLAS first
from mlx.utils import tree_flatten  # isort: skip
from mlx_lm.models import llama  # isort: skip

COMMAND = ["-m", "tests.soak.sharded"]

pytestmark = [pytest.mark.slow, pytest.mark.model, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, str]:
    """Their folders, by name."""
    return {"packaged": str(packaged_model()), "random": str(even_heads(tmp_path_factory.mktemp("random")))}


def even_heads(folder: Path) -> Path:
    """Random weights with the packaged model's tokenizer."""
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(packaged_model() / name, folder / name)
    ends = json.loads((packaged_model() / "config.json").read_text())["eos_token_id"]
    sizes = {"hidden_size": 96, "intermediate_size": 192, "num_hidden_layers": 6, "vocab_size": 49_152}
    heads = {"num_attention_heads": 6, "num_key_value_heads": 6, "layer_types": None}
    arguments = dataclasses.replace(tiny.ARGUMENTS, **sizes, **heads)
    config = {name: value for name, value in dataclasses.asdict(arguments).items() if value is not None}
    (folder / "config.json").write_text(json.dumps(config | {"eos_token_id": ends}))
    mx.random.seed(1)
    mx.save_safetensors(str(folder / "model.safetensors"), dict(tree_flatten(llama.Model(arguments).parameters())))
    return folder


@cache
def alone(model: str) -> list[list[int]]:
    """The tokens of the fifty on one process."""
    done = subprocess.run([sys.executable, *COMMAND, model], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("name", "count", "sharding"),
    [
        ("packaged", 2, "pipeline"),
        ("packaged", 3, "pipeline"),
        ("packaged", 3, "tensor"),
        ("random", 2, "pipeline"),
        ("random", 3, "pipeline"),
        ("random", 2, "tensor"),
        ("random", 3, "tensor"),
    ],
)
def test_several_ranks_say_what_one_process_says(models, name, count, sharding):
    with Ranks(count, [*COMMAND, models[name], sharding]) as ranks:
        done = ranks.finish(3000)
    assert [code for code, _, _ in done] == [0] * count, done
    said = json.loads(done[0][1])
    pairs = list(zip(alone(models[name]), said, strict=True))
    different = [number for number, (one, other) in enumerate(pairs) if one != other]
    equal = f"{len(said) - len(different)} of {len(said)} equal, {sum(map(len, said))} tokens"
    print(f"{name}, {count} ranks, {sharding}: {equal}")  # noqa: T201
    assert len(said) == 50
    assert different == []

"""The ranks find each other, compare what they run, and load their parts of the model.

1  every rank connects to rank 0; versions and options must agree                  channel.py
2  MLX connects the ranks for tensors, within a time limit                          guard.py
3  the model's files must agree: configuration, tokenizer, sizes of the weights
4  every rank keeps its part: rows and columns of matrices, or a run of layers
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, cast

import huggingface_hub
import mlx.core as mx
import mlx_lm.utils

from constrained.errors import ModelError, ShardingError
from constrained.ranks.channel import PATIENCE, Follower, Leader
from constrained.ranks.guard import ends_after
from constrained.ranks.place import Place
from constrained.runtime.evaluation import finish
from constrained.runtime.models import LoadedModel, local_directory
from constrained.runtime.packaged_model import packaged_model
from constrained.runtime.sharding.pipeline import cut_into_stages

Sharding = Literal["pipeline", "tensor"]
CONNECTING = 30.0  # seconds that MLX has to connect ranks which are all there
PACKAGES = ("constrained-mlx", "mlx", "mlx-lm")


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """This rank among the others, with its part of the model."""

    place: Place
    channel: Leader | Follower
    loaded: LoadedModel


def join(
    place: Place,
    name: str | None,
    sharding: Sharding,
    *,
    report: Callable[[str], None] = lambda line: None,
    patience: float = PATIENCE,
) -> Joined:
    """Find the other ranks and load this rank's part of the model `name` (as in `load_model`).

    Raises ShardingError if a rank is missing after `patience` seconds, or differs, or if the model cannot be
    split in this way; ModelError if it cannot be loaded.
    """
    report(f"rank {place.rank} of {place.size}: waiting for the others at {place.control}")
    channel = Leader(place, patience=patience) if place.leads else Follower(place, patience=patience)
    try:
        options = {"sharding": sharding, "size": str(place.size), "backend": place.backend}
        channel.agree({package: version(package) for package in PACKAGES} | options)
        group = _connected(place, min(patience, CONNECTING))
        directory = _directory(name, report)
        channel.agree(_fingerprints(directory))
        report(f"rank {place.rank}: loading its part of {directory.name}")
        loaded = _part(directory, group, sharding)
        channel.agree({"loaded": "yes"})
        channel.settle()
    except (ShardingError, ModelError) as error:
        if isinstance(channel, Leader):
            channel.stop(str(error))
        else:
            channel.fail(str(error))
        raise
    return Joined(place, channel, loaded)


def _connected(place: Place, seconds: float) -> mx.distributed.Group:
    message = (
        f"constrained: rank {place.rank}: MLX could not connect the ranks within {seconds:g} seconds ({place.backend})"
    )
    with ends_after(seconds, message):
        try:
            group = mx.distributed.init(strict=True, backend=place.backend)
        except RuntimeError as error:
            raise ShardingError(f"rank {place.rank}: MLX cannot connect the ranks: {error}") from error
    if (group.rank(), group.size()) != (place.rank, place.size):
        raise ShardingError(
            f"MLX takes this process for rank {group.rank()} of {group.size()}, not {place.rank} of {place.size}"
        )
    return group


def _directory(name: str | None, report: Callable[[str], None]) -> Path:
    """Where the model's files are."""
    local = str(packaged_model(report)) if name is None else local_directory(name)
    if local is not None:
        return Path(local)
    report(f"fetching {name}")
    try:
        return Path(cast("Any", huggingface_hub).snapshot_download(str(name)))
    except Exception as error:  # the hub raises dozens of types, and all of them mean the same here
        raise ModelError(f"cannot fetch the model {name}: {' '.join(str(error).split())[:300]}") from error


def _fingerprints(directory: Path) -> dict[str, str]:
    """What must be equal on all ranks: small files by content, weights by name and size."""
    found: dict[str, str] = {}
    for fact, file in (("model configuration", "config.json"), ("vocabulary", "tokenizer.json")):
        path = directory / file
        found[fact] = hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else "absent"
    weights = sorted((path.name, path.stat().st_size) for path in directory.glob("*.safetensors"))
    found["weights"] = hashlib.sha256(repr(weights).encode()).hexdigest()[:16]
    return found


def _part(directory: Path, group: mx.distributed.Group, sharding: Sharding) -> LoadedModel:
    """This rank's part of the model, computed, and the tokenizer."""
    try:
        utils = cast("Any", mlx_lm.utils)
        model, config = utils.load_model(directory, lazy=True)
        tokenizer = utils.load_tokenizer(directory, eos_token_ids=config.get("eos_token_id"))
    except Exception as error:  # mlx-lm and transformers raise dozens of types
        raise ModelError(f"cannot load {directory.name}: {' '.join(str(error).split())[:300]}") from error
    if sharding == "tensor":
        _split_matrices(model, group)
    elif hasattr(getattr(model, "model", None), "pipeline"):
        model.model.pipeline(group)
    else:
        cut_into_stages(model, group)
    model.eval()
    finish(model.parameters())
    return LoadedModel(model, tokenizer)


def _split_matrices(model: Any, group: mx.distributed.Group) -> None:
    if not hasattr(model, "shard"):
        raise ShardingError(f"mlx-lm cannot split {type(model).__module__.rpartition('.')[2]} models across (tensor)")
    heads = [getattr(model.args, what, None) for what in ("num_attention_heads", "num_key_value_heads")]
    common = math.gcd(*(count for count in heads if isinstance(count, int)))
    if common % group.size():
        fits = ", ".join(str(size) for size in range(2, common + 1) if common % size == 0)
        raise ShardingError(
            f"the model's {' and '.join(str(count) for count in heads)} heads cannot be shared by {group.size()} ranks"
            f" ({f'by {fits} they can; ' if fits else ''}--sharding pipeline takes any number)"
        )
    model.shard(group)

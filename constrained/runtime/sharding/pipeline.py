"""A pipeline for models of Llama's shape, which mlx-lm can cut across but not along their layers.

    rank 2          rank 1           rank 0
    embedding
    layers 0-9  ->  layers 10-19 ->  layers 20-29
                                     norm, head -> logits

A pass travels down the ranks once, (B, T, H) per hop, and ends where tokens are chosen: at rank 0. Nothing
travels back but the token. Every rank keeps only its own layers; lazily loaded weights of the others are
never read from disk.
"""

from typing import Any, cast

import mlx.core as mx
import mlx.nn as nn  # pyright: ignore[reportMissingTypeStubs]
import mlx_lm.models.base

from constrained.errors import ShardingError

PARTS = ("embed_tokens", "layers", "norm")


def layer_range(layers: int, rank: int, size: int) -> range:
    """The layers of `rank`: contiguous, the last ones on rank 0, which gets an extra one last (it has the head)."""
    base, extra = divmod(layers, size)
    counts = [base + (rank >= size - extra) for rank in range(size)]
    first = sum(counts[rank + 1 :])
    return range(first, first + counts[rank])


class Stage(nn.Module):
    """One rank's layers, in the place of the whole model's body: ids (B, T) -> hidden states (B, T, H).

    On rank 0 they are those of the whole model; elsewhere what was sent on.
    """

    def __init__(self, body: Any, group: mx.distributed.Group) -> None:
        super().__init__()
        self._rank, self._size = group.rank(), group.size()
        own = layer_range(len(body.layers), self._rank, self._size)
        self.layers: list[Any] = list(body.layers)[own.start : own.stop]
        self.norm = body.norm
        self._width: int = body.norm.weight.shape[0]
        self._window: int | None = getattr(body, "sliding_window", None)
        if self._rank in (0, self._size - 1):
            self.embed_tokens = body.embed_tokens

    def __call__(self, inputs: mx.array, cache: list[Any] | None = None, _: object = None) -> mx.array:
        """Run the own layers between what comes from the rank before and what goes to the rank behind."""
        kept = cache or [None] * len(self.layers)
        if self._rank == self._size - 1:
            hidden = self.embed_tokens(inputs)
        else:
            like = mx.zeros((*inputs.shape, self._width), self.norm.weight.dtype)
            hidden = mx.distributed.recv_like(like, self._rank + 1)
        masks: dict[bool, Any] = {}
        make_mask = cast("Any", mlx_lm.models.base).create_attention_mask
        for layer, layer_cache in zip(self.layers, kept, strict=True):
            sliding = bool(getattr(layer, "use_sliding", False))
            if sliding not in masks:
                window = self._window if sliding else None
                masks[sliding] = make_mask(hidden, layer_cache, window_size=window)
            hidden = layer(hidden, masks[sliding], cache=layer_cache)
        if self._rank == 0:
            return self.norm(hidden)
        return mx.distributed.send(hidden, self._rank - 1)


def cut_into_stages(model: Any, group: mx.distributed.Group) -> None:
    """Leave `model` with this rank's layers. Raises ShardingError for a model of another shape."""
    body = model.model if hasattr(model, "model") else None
    if body is None or not all(hasattr(body, part) for part in PARTS):
        raise ShardingError(f"a pipeline for {type(model).__module__.rpartition('.')[2]} models is not known")
    if len(cast("list[Any]", body.layers)) < group.size():
        raise ShardingError(f"{len(body.layers)} layers cannot be given to {group.size()} ranks")
    if type(body).__call__.__module__ not in SHAPES:
        raise ShardingError(f"a pipeline for {type(model).__module__.rpartition('.')[2]} models is not known")
    model.model = Stage(body, group)


# Bodies that do just what a `Stage` does: embedding, layers with a causal or a sliding mask, norm.
SHAPES = ("mlx_lm.models.llama", "mlx_lm.models.qwen3")

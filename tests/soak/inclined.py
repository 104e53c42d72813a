"""Models of random weights with a taste for markers.

Random weights give every token about the same chance, so by themselves they never begin a call, and hardly
ever end a string. Here some logits are raised:

    likes      anywhere        tokens that open calls, close things, end the turn
    follows    after a token   the rest of a marker that is several tokens: <tool  ->  _call  ->  >

What is not raised stays random, and the grammar has to hold whatever comes of it.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_lm.models import gpt_oss, llama, qwen3

SMALL: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "intermediate_size": 128,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "rms_norm_eps": 1e-5,
}
FOLLOW = 18.0  # logits of random weights lie within two or three of each other


@cache
def random_model(kind: str, size: int) -> Any:
    """A model of mlx-lm's class `kind` with `size` logits."""
    mx.random.seed(1)
    match kind:
        case "qwen3":
            head: dict[str, Any] = {"head_dim": 32, "max_position_embeddings": 4096, "rope_theta": 1e6}
            made: Any = qwen3.Model(
                qwen3.ModelArgs(model_type=kind, vocab_size=size, tie_word_embeddings=False, **head, **SMALL)
            )
        case "gpt_oss":
            experts = {"num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 32}
            made = gpt_oss.Model(gpt_oss.ModelArgs(model_type=kind, vocab_size=size, **experts, **SMALL))
        case _:
            made = llama.Model(llama.ModelArgs(model_type="llama", vocab_size=size, tie_word_embeddings=False, **SMALL))
    mx.eval(made.parameters())
    return made


class Inclined:
    """A model whose logits are raised at some tokens; otherwise the model itself."""

    def __init__(self, model: Any, size: int, likes: Mapping[int, float], follows: Iterable[tuple[int, int]]) -> None:
        self._model = model
        taste = np.zeros(size, np.float32)
        taste[list(likes)] = list(likes.values())
        pairs = list(dict.fromkeys(follows))
        rows = np.zeros((len(pairs) + 1, size), np.float32)  # row 0: after any other token
        self._after = mx.array(np.array([first for first, _ in pairs] or [-1], np.int32))
        for row, (first, _) in enumerate(pairs):
            for other, (same, token) in enumerate(pairs):
                if same == first and other >= row:
                    rows[row + 1, token] = FOLLOW
        self._taste = mx.array(taste + rows)

    def __call__(self, inputs: mx.array, cache: Any = None) -> mx.array:
        """(B, N) -> (B, N, V)"""
        hits = inputs.astype(mx.int32)[..., None] == self._after  # (B, N, pairs)
        row = mx.where(hits.any(axis=-1), mx.argmax(hits, axis=-1) + 1, 0)  # (B, N)
        return self._model(inputs, cache=cache) + self._taste[row]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

"""A tiny model that likes to call tools, with a real tokenizer and a long context: for agents.

Agents send 10,000 tokens before they say anything, and leave it to the model whether to call. This one has
random weights but for one trick: channel 0 of the residual stream is the same everywhere, so the column of
the output layer that reads it is a bias, and with it the model is given a taste:

    <tool_call>, OK, end       it calls in most turns, and in others says OK
    ", "}, }, \\n              what it says is short
    names in `tools`           it prefers tools that only look

Everything it says is nonsense, and valid.
"""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten
from mlx_lm.models import qwen3
from tokenizers import Tokenizer

HIDDEN = 64
CONTEXT = 131_072
LOUD = 30.0  # channel 0, before the final norm: far above what random layers add
SHORT = ('"', '"}', '"}}', '"}\n', "}", "}}", "}\n", '"]', "]", "],", '",')


def write_eager_model(directory: Path, tokenizer: Path, tools: Iterable[str]) -> Path:
    """Write an mlx-lm directory; `tokenizer` is the folder of Qwen 3's, `tools` names that it prefers."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokenizer / name, directory)
    arguments = qwen3.ModelArgs(
        model_type="qwen3",
        hidden_size=HIDDEN,
        num_hidden_layers=1,
        intermediate_size=HIDDEN,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=HIDDEN // 2,
        rms_norm_eps=1e-6,
        vocab_size=151_936,
        max_position_embeddings=CONTEXT,
        rope_theta=1e6,
        tie_word_embeddings=False,
    )
    mx.random.seed(1)
    weights = dict(tree_flatten(qwen3.Model(arguments).parameters()))
    embedding = np.array(weights["model.embed_tokens.weight"])
    embedding[:, 0] = LOUD
    weights["model.embed_tokens.weight"] = mx.array(embedding)
    head = np.array(weights["lm_head.weight"])
    head[:, 0] = _taste(Tokenizer.from_file(str(tokenizer / "tokenizer.json")), tools) / np.sqrt(HIDDEN)
    weights["lm_head.weight"] = mx.array(head)
    mx.save_safetensors(str(directory / "model.safetensors"), weights)
    config = {key: value for key, value in vars(arguments).items() if value is not None}
    (directory / "config.json").write_text(json.dumps({**config, "eos_token_id": 151_645}))
    return directory


def _taste(tokenizer: Tokenizer, tools: Iterable[str]) -> np.ndarray:
    """(V,) what is added to the logits."""
    taste = np.zeros(151_936, np.float32)
    for text in SHORT:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        if len(ids) == 1:
            taste[ids] = 12.0
    for name in tools:
        taste[tokenizer.encode(name, add_special_tokens=False).ids] = 8.0
    taste[tokenizer.encode("OK", add_special_tokens=False).ids] = 15.0
    taste[tokenizer.token_to_id("<tool_call>")] = 14.5
    taste[tokenizer.token_to_id("<|im_end|>")] = 12.5
    taste[tokenizer.token_to_id("<think>")] = -20.0
    return taste

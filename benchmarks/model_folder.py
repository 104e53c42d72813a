"""Which model is measured: the packaged one, or, where only the code's running matters, random weights.

The random one has the packaged one's tokenizer, two layers, and takes milliseconds where that takes seconds.
"""

import dataclasses
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

from benchmarks.harness import Size
from constrained.runtime.packaged_model import packaged_model

import mlx.core as mx  # isort: skip  # after constrained.runtime, which loads a BLAS first
from mlx.utils import tree_flatten  # isort: skip
from mlx_lm.models import llama  # isort: skip

ARGUMENTS = llama.ModelArgs(
    model_type="llama",
    hidden_size=64,
    num_hidden_layers=2,
    intermediate_size=128,
    num_attention_heads=2,
    num_key_value_heads=2,
    rms_norm_eps=1e-5,
    vocab_size=49_152,  # the packaged one's
    tie_word_embeddings=False,
)


def random_model(vocabulary_size: int) -> llama.Model:
    """Two layers, and logits as wide as a real model's."""
    mx.random.seed(3)
    model = llama.Model(dataclasses.replace(ARGUMENTS, vocab_size=vocabulary_size, layer_types=None))
    mx.eval(model.parameters())
    return model


def model_folder(size: Size) -> Path:
    """An mlx-lm directory: full: the packaged model's."""
    return packaged_model() if size is Size.FULL else Path(_random_folder().name)


@cache
def _random_folder() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory()
    packaged, made = packaged_model(), Path(folder.name)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(packaged / name, made / name)
    config = {name: value for name, value in dataclasses.asdict(ARGUMENTS).items() if value is not None}
    config["eos_token_id"] = json.loads((packaged / "config.json").read_text())["eos_token_id"]
    (made / "config.json").write_text(json.dumps(config))
    weights = dict(tree_flatten(random_model(ARGUMENTS.vocab_size).parameters()))
    mx.save_safetensors(str(made / "model.safetensors"), weights)
    return folder

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
from benchmarks.models import llama_of
from constrained.runtime.packaged_model import packaged_model


def model_folder(size: Size) -> Path:
    """An mlx-lm directory: full: the packaged model's."""
    return packaged_model() if size is Size.FULL else Path(_random_folder().name)


@cache
def _random_folder() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory()
    packaged, made = packaged_model(), Path(folder.name)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(packaged / name, made / name)
    theirs = json.loads((packaged / "config.json").read_text())
    model = llama_of(theirs["vocab_size"])
    config = {name: value for name, value in dataclasses.asdict(model.args).items() if value is not None}
    config["eos_token_id"] = theirs["eos_token_id"]
    (made / "config.json").write_text(json.dumps(config))
    model.save_weights(str(made / "model.safetensors"))
    return folder

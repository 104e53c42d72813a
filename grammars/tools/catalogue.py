"""Which models write calls in which format: the catalogue that `constrained formats` and the documentation show."""

from collections.abc import Mapping
from types import MappingProxyType

MODELS: Mapping[str, str] = MappingProxyType(
    {
        "hermes": "Hermes, Qwen 2.5, Qwen 3, Granite 4, SmolLM3",
        "exaone": "EXAONE",
        "llama3-json": "Llama 3.1, 3.2, 3.3",
        "xlam": "xLAM 2",
        "granite-3": "Granite 3",
        "phi-4-mini": "Phi-4-mini",
        "phi-4-mini-functools": "Phi-4-mini with vLLM's template",
        "functionary-v3.1": "Functionary v3.1 (Llama 3.1)",
        "functionary-v3.2": "Functionary v3.2",
        "cohere": "Command R7B, A",
        "mistral-v3": "Mistral 7B v0.3, Nemo, and others up to tokenizer v7",
        "mistral-v11": "Mistral Small 3.2",
        "mistral-v13": "Ministral 3, Magistral",
        "deepseek-r1": "DeepSeek R1, V3",
        "deepseek-v3.1": "DeepSeek V3.1",
        "deepseek-v3.2": "DeepSeek V3.2",
        "deepseek-v4": "DeepSeek V4",
        "kimi-k2": "Kimi K2, K2 Thinking",
        "kimi-k3": "Kimi K3",
        "gpt-oss": "GPT-OSS",
        "muse": "Muse Spark, Muse Glimmer",
        "qwen3-coder": "Qwen3-Coder, Qwen 3.5, Nemotron 3",
        "mimo": "MiMo",
        "seed-oss": "Seed-OSS",
        "glm-4.5": "GLM 4.5, 4.6",
        "glm-4.7": "GLM 4.7, Laguna",
        "longcat": "LongCat",
        "hunyuan-3": "Hunyuan 3 (preview)",
        "hunyuan-3-opensource": "Hunyuan 3",
        "minimax-m2": "MiniMax M2",
        "minicpm5": "MiniCPM5",
        "pythonic": "Llama 3.2",
        "llama4-pythonic": "Llama 4",
        "lfm2": "LFM2, LFM2.5",
        "olmo-3": "Olmo 3",
        "gemma-4": "Gemma 4",
        "function-gemma": "FunctionGemma",
        "smollm2": "SmolLM2",
        "generic": "anything else",
    }
)

"""The tokenizer inside a GGUF file, as the files that `transformers` reads.

A GGUF file keeps a byte-level BPE tokenizer as three lists in its metadata (tokens, merges, kinds) and the
chat template as a string. What it keeps only by name (`tokenizer.ggml.pre`) is how text is cut before
merging, so that part is written here, for the one name this project converts: "smollm", which splits
digits one by one and then words as GPT-2 does.
"""

import json
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from constrained.errors import ModelError

CONTROL = 3  # the kind of a control token, such as <|im_end|>


def tokenizer_files(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return `{"tokenizer.json": ..., "tokenizer_config.json": ...}`; ModelError for another kind of tokenizer."""
    model, cut = metadata["tokenizer.ggml.model"], metadata["tokenizer.ggml.pre"]
    if (model, cut) != ("gpt2", "smollm"):
        raise ModelError(f"a GGUF tokenizer of kind {model!r} with pre-tokenizer {cut!r} cannot be converted")
    tokens: list[str] = metadata["tokenizer.ggml.tokens"]
    kinds: list[int] = metadata["tokenizer.ggml.token_type"].tolist()
    control = [token for token, kind in zip(tokens, kinds, strict=True) if kind == CONTROL]
    tokenizer = _byte_level_bpe(tokens, metadata["tokenizer.ggml.merges"])
    added = [AddedToken(token, special=True, normalized=False) for token in control]
    tokenizer.add_special_tokens(added)  # pyright: ignore[reportUnknownMemberType]
    return {
        "tokenizer.json": json.loads(tokenizer.to_str()),
        "tokenizer_config.json": _settings(metadata, tokens, control),
    }


def _byte_level_bpe(tokens: list[str], merges: list[str]) -> Tokenizer:
    pairs = [(left, right) for left, _, right in (merge.partition(" ") for merge in merges)]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _settings(metadata: dict[str, Any], tokens: list[str], control: list[str]) -> dict[str, Any]:
    def named(role: str) -> str:
        return tokens[int(metadata[f"tokenizer.ggml.{role}_token_id"].item())]

    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": named("bos"),
        "eos_token": named("eos"),
        "pad_token": named("padding"),
        "unk_token": named("unknown"),
        "additional_special_tokens": control,
        "model_max_length": int(metadata["llama.context_length"].item()),
        "clean_up_tokenization_spaces": False,
        "chat_template": metadata["tokenizer.chat_template"],
    }

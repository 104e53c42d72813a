"""Vocabularies in which a family's markers are tokens, or text.

A family's own tokenizer where it is at hand; otherwise Llama 3's ids and bytes with the family's
markers in place of its reserved tokens: to a grammar, that is what sets one tokenizer apart from another.
"""

from functools import cache
from pathlib import Path

import pytest

from constrained import Vocabulary
from constrained.errors import ModelError
from constrained.runtime.packaged_model import packaged_model
from tests.support.tokenizers import tokenizer_path


def hunyuan(suffix: str) -> tuple[str, ...]:
    """Every tag is a token."""
    names = ("think", "tool_calls", "tool_call", "arg_key", "arg_value")
    tags = (f"<{slash}{name}{suffix}>" for name in names for slash in ("", "/"))
    return (*tags, f"<tool_sep{suffix}>")


_COHERE_THINKS = ("<|START_THINKING|>", "<|END_THINKING|>")
_THINK = ("<think>", "</think>")

# The markers that are one added token in the family's own tokenizer.
TOKENS = {
    "hermes": ("<tool_call>", "</tool_call>", *_THINK),
    "llama3-json": ("<|python_tag|>", "<|eom_id|>"),
    "granite-3": ("<|tool_call|>",),
    "phi-4-mini": ("<|tool_call|>", "<|/tool_call|>"),
    "cohere": (
        "<|START_ACTION|>",
        "<|END_ACTION|>",
        "<|START_RESPONSE|>",
        "<|END_RESPONSE|>",
        "<|START_THINKING|>",
        "<|END_THINKING|>",
    ),
    "cohere-4": ("<|START_ACTION|>", "<|END_ACTION|>", "<|START_TEXT|>", "<|END_TEXT|>", *_COHERE_THINKS),
    "cohere-5": ("<cofl:tool_calls>", "</cofl:tool_calls>", "<|START_TEXT|>", "<|END_TEXT|>", *_COHERE_THINKS),
    "mistral-v3": ("[TOOL_CALLS]",),
    "mistral-v11": ("[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"),
    "mistral-v13": ("[TOOL_CALLS]", "[ARGS]", "[THINK]", "[/THINK]"),
    "deepseek-r1": (
        "<｜tool▁calls▁begin｜>",
        "<｜tool▁calls▁end｜>",
        "<｜tool▁call▁begin｜>",
        "<｜tool▁call▁end｜>",
        "<｜tool▁sep｜>",
        "<think>",
        "</think>",
    ),
    "deepseek-v3.1": (
        "<｜tool▁calls▁begin｜>",
        "<｜tool▁calls▁end｜>",
        "<｜tool▁call▁begin｜>",
        "<｜tool▁call▁end｜>",
        "<｜tool▁sep｜>",
        "<think>",
        "</think>",
    ),
    "deepseek-v3.2": ("｜DSML｜", *_THINK),
    "deepseek-v4": ("｜DSML｜", *_THINK),
    "muse": ("<|start|>", "<|message|>", "<|eom|>", "<|eot|>"),
    "minicpm5": _THINK,
    "hunyuan-3": hunyuan(""),
    "hunyuan-3-opensource": hunyuan(":opensource"),
    "kimi-k3": ("<|open|>", "<|close|>", "<|sep|>", "<|end_of_msg|>"),
    "kimi-k2": (
        "<|tool_calls_section_begin|>",
        "<|tool_calls_section_end|>",
        "<|tool_call_begin|>",
        "<|tool_call_end|>",
        "<|tool_call_argument_begin|>",
        *_THINK,
    ),
    "qwen3-coder": ("<tool_call>", "</tool_call>", *_THINK),
    "mimo": ("<tool_call>", "</tool_call>", *_THINK),
    "seed-oss": ("<seed:tool_call>", "</seed:tool_call>", "<seed:think>", "</seed:think>"),
    "glm-4.5": ("<tool_call>", "</tool_call>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>", *_THINK),
    "glm-4.7": ("<tool_call>", "</tool_call>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>", *_THINK),
    "longcat": ("<longcat_tool_call>", "</longcat_tool_call>", "<longcat_think>", "</longcat_think>"),
    "minimax-m2": ("<minimax:tool_call>", "</minimax:tool_call>", *_THINK),
    "llama4-pythonic": ("<|python_start|>", "<|python_end|>"),
    "lfm2": ("<|tool_call_start|>", "<|tool_call_end|>"),
    "gemma-4": ("<|tool_call>", "<tool_call|>", '<|"|>', "<|channel>", "<channel|>"),
    "function-gemma": ("<start_function_call>", "<end_function_call>", "<escape>"),
}
SENTENCEPIECE = "data/mistral_instruct_tokenizer_240323.model.v3"  # in mistral_common
OWN = {"hermes": "qwen3", "exaone": "llama3_1", "generic": "llama3_1", "gpt-oss": "gptoss", "mistral-v3": "mistral"}
ADDED = 64
NEEDS_TOKENS = {"gpt-oss", "muse"}  # families that exist with their tokens only
NAMED_ENDS = {"muse": "<|eot|>", "kimi-k3": "<|end_of_msg|>"}  # what ends a turn, where the format says so
ENDS = {"gptoss": [200002, 200012], "mistral": [2], "qwen3": [151645, 151643], "llama3_1": [128009, 128001, 128008]}


@cache
def own(name: str) -> Vocabulary:
    """A real tokenizer's vocabulary."""
    return Vocabulary.from_tokenizer_file(tokenizer_path(name), eos_token_ids=ENDS[name])


@cache
def sentencepiece() -> Vocabulary:
    """Mistral's tokenizer v3 in SentencePiece, from mistral-common's wheel: 32,768 ids, bytes as a fallback."""
    package = pytest.importorskip("mistral_common")
    model = pytest.importorskip("sentencepiece").SentencePieceProcessor(
        model_file=str(Path(package.__file__).parent / SENTENCEPIECE)
    )
    spellings: list[bytes | None] = []
    for token in range(model.vocab_size()):
        piece = model.id_to_piece(token)
        control = model.is_control(token) or model.is_unknown(token)
        spelled = bytes((int(piece[3:5], 16),)) if model.is_byte(token) else piece.replace("▁", " ").encode()
        spellings.append(None if control else spelled)
    control = {model.id_to_piece(token): token for token, text in enumerate(spellings) if text is None}
    return Vocabulary.from_spellings(spellings, [model.eos_id()], control)


@cache
def smollm2() -> Vocabulary:
    """The packaged model's."""
    try:
        return Vocabulary.from_tokenizer_file(packaged_model() / "tokenizer.json")
    except ModelError as error:
        pytest.skip(str(error))


@cache
def with_tokens(tokens: tuple[str, ...], end: str = "") -> Vocabulary:
    """Llama 3's vocabulary, with `tokens` in place of reserved ones; `end` is an end token too."""
    llama = own("llama3_1")
    reserved = [name for name in llama.control if "reserved" in name and llama.control[name] != 128008]
    renamed = dict(zip(reserved, tokens, strict=False))
    control = {renamed.get(name, name): token for name, token in llama.control.items()}
    ends = [control[end]] if end else []
    return Vocabulary.from_spellings(llama.spellings, [*llama.eos_token_ids, *ends], control)


def with_added(family: str) -> Vocabulary:
    """SmolLM2's vocabulary, with the family's tokens added behind it; for all families of the same size."""
    base, tokens = smollm2(), TOKENS.get(family, ())
    control = {**base.control, **{token: base.size + place for place, token in enumerate(tokens)}}
    ends = [*base.eos_token_ids, *([control[NAMED_ENDS[family]]] if family in NAMED_ENDS else [])]
    return Vocabulary.from_spellings([*base.spellings, *[None] * ADDED], ends, control)


def vocabulary_for(family: str, *, text: bool = False) -> Vocabulary:
    """A vocabulary for a family; with `text`, one in which its markers are text."""
    if text:
        return with_tokens(())
    return own(OWN[family]) if family in OWN else with_tokens(TOKENS.get(family, ()), NAMED_ENDS.get(family, ""))

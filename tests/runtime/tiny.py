"""Models and vocabularies small enough to run in milliseconds: random weights, real mlx-lm classes."""

import dataclasses
import json
import string
from functools import cache
from pathlib import Path

import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_lm.models import llama
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from constrained.automata.regex import compile_rust
from constrained.grammar import Terminal
from constrained.matcher import CompiledGrammar
from constrained.vocabulary.vocabulary import Vocabulary

WORDS = ["true", "false", "null", "abc", '": "', '", "', '"}', "ab", "bc", "00", "123"]
SPELLINGS: list[bytes | None] = [None, None, *(c.encode() for c in string.printable), *(w.encode() for w in WORDS)]
START, END = 0, 1  # ids of the control tokens
PADDED = 160  # logits of the model: wider than the vocabulary, as real ones are


ARGUMENTS = llama.ModelArgs(
    model_type="llama",
    hidden_size=64,
    num_hidden_layers=2,
    intermediate_size=128,
    num_attention_heads=2,
    num_key_value_heads=1,
    rms_norm_eps=1e-5,
    vocab_size=PADDED,
    tie_word_embeddings=False,
)


@cache
def vocabulary() -> Vocabulary:
    """As wide as the model's logits: the ids beyond SPELLINGS are unused."""
    padding = [None] * (PADDED - len(SPELLINGS))
    return Vocabulary.from_spellings([*SPELLINGS, *padding], eos_token_ids=[END], control={"<s>": START})


def grammar(pattern: str) -> CompiledGrammar:
    return CompiledGrammar(Terminal(compile_rust(pattern)), vocabulary())


def model(seed: int = 0) -> llama.Model:
    """A llama with two layers of random weights."""
    mx.random.seed(seed)
    made = llama.Model(ARGUMENTS)
    mx.eval(made.parameters())
    return made


def spell(tokens: list[int]) -> str:
    """The text of generated tokens, up to the end token."""
    text = [SPELLINGS[token] or b"" for token in (tokens[: tokens.index(END)] if END in tokens else tokens)]
    return b"".join(text).decode()


CONTROL = ("<|im_start|>", "<|im_end|>")
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['content'] }}<|im_end|>{% endfor %}<|im_start|>"
THINKING = ("<think>", "</think>", "<tool_call>", "</tool_call>")  # more control tokens, for THINKING_TEMPLATE
THINKING_TEMPLATE = (
    "{% if tools %}{{ tools | tojson }} in <tool_call>{% endif %}"
    + TEMPLATE
    + "{% if enable_thinking is defined and enable_thinking %}<think>\n{% endif %}"
)


def write_model(directory: Path, layers: int = 2, more_control: tuple[str, ...] = (), template: str = TEMPLATE) -> Path:
    """An mlx-lm model directory: random weights, a tokenizer of single bytes, a chat template."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    control = [*CONTROL, *more_control]
    tokenizer = Tokenizer(models.BPE(vocab={text: i for i, text in enumerate([*control, *letters])}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in control])
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "chat_template": template,
    }
    arguments = dataclasses.replace(
        ARGUMENTS, vocab_size=len(letters) + len(control), num_hidden_layers=layers, layer_types=None
    )
    tokenizer.save(str(directory / "tokenizer.json"))
    (directory / "tokenizer_config.json").write_text(json.dumps(settings))
    config = {name: value for name, value in dataclasses.asdict(arguments).items() if value is not None}
    (directory / "config.json").write_text(json.dumps(config))
    mx.random.seed(1)
    weights = dict(tree_flatten(llama.Model(arguments).parameters()))
    mx.save_safetensors(str(directory / "model.safetensors"), weights)
    return directory

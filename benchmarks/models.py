"""The models that are measured: the packaged one, and random weights below the vocabularies of real ones.

    packaged                       SmolLM2-135M, 49,152 tokens
    llama3_1, qwen3, gptoss        two small layers and as many logits as that tokenizer has ids
    a tokenizer.json or tekken.json   the same; --layers and --hidden make the model as heavy as a real one

A small model of random weights is nearly nothing but its logits: what a mask costs is seen best there.
"""

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from constrained import Vocabulary
from constrained.runtime import chat_ids, load_model, load_tokenizer, vocabulary_of
from constrained.runtime.evaluation import finish
from tests.support.tokenizers import NAMES, tokenizer_path

import mlx.core as mx  # isort: skip  # after constrained.runtime, which loads a BLAS first
from mlx_lm.models import llama  # isort: skip
from mlx_lm.tokenizer_utils import TokenizerWrapper  # isort: skip

PACKAGED = "packaged"
HEAD = 64  # numbers in one head of attention


@dataclass(frozen=True, slots=True)
class Subject:
    """A model to measure; random weights read any ids, and have no template."""

    name: str
    model: Any
    tokenizer: TokenizerWrapper | Vocabulary
    vocabulary: Vocabulary

    def prompt(self, question: str) -> list[int]:
        """The ids of a question."""
        if not isinstance(self.tokenizer, Vocabulary):
            return chat_ids(self.tokenizer, [{"role": "user", "content": question}])
        assert self.vocabulary.encode is not None
        return self.vocabulary.encode(question)


def packaged() -> Subject:
    """SmolLM2."""
    model, tokenizer = load_model()
    return Subject(PACKAGED, model, tokenizer, vocabulary_of(model, tokenizer))


def random_weights(tokenizer: str, *, layers: int = 2, hidden: int = 64, dtype: str = "float32") -> Subject:
    """A llama of random weights for a tokenizer, by its name in the tests or by its file."""
    vocabulary = Vocabulary.from_tokenizer_file(tokenizer_path(tokenizer) if tokenizer in NAMES else Path(tokenizer))
    model = llama_of(vocabulary.size, layers=layers, hidden=hidden, dtype=dtype)
    return Subject(f"{Path(tokenizer).stem}, {vocabulary.size:,} tokens", model, vocabulary, vocabulary)


def small() -> Subject:
    """Random weights for the packaged model's tokenizer: to see that something runs."""
    vocabulary = Vocabulary.from_tokenizer(load_tokenizer())
    return Subject("small", llama_of(vocabulary.size), vocabulary, vocabulary)


def llama_of(size: int, *, layers: int = 2, hidden: int = 64, dtype: str = "float32") -> Any:
    """A llama with so many logits."""
    heads = max(1, hidden // HEAD)
    arguments = llama.ModelArgs(
        model_type="llama", hidden_size=hidden, num_hidden_layers=layers, intermediate_size=3 * hidden,
        num_attention_heads=heads, num_key_value_heads=max(1, heads // 4), head_dim=HEAD, rms_norm_eps=1e-5,
        vocab_size=size, tie_word_embeddings=False,
    )  # fmt: skip
    mx.random.seed(3)
    model: Any = llama.Model(arguments)
    model.set_dtype(getattr(mx, dtype))
    finish(model.parameters())
    return model


def add_options(parser: ArgumentParser) -> None:
    """What says which model, on a command line."""
    parser.add_argument("--model", default=PACKAGED, help=f"{PACKAGED}, {', '.join(NAMES)}, or a tokenizer's file")
    parser.add_argument("--layers", type=int, default=2, help="of random weights")
    parser.add_argument("--hidden", type=int, default=64, help="numbers in a layer of random weights, a multiple of 64")
    parser.add_argument("--dtype", default="float32", help="of random weights: float16, bfloat16, float32")


def chosen(options: Namespace) -> Subject:
    """The model that a command line names."""
    if options.model == PACKAGED:
        return packaged()
    return random_weights(options.model, layers=options.layers, hidden=options.hidden, dtype=options.dtype)

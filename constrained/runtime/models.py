"""Loading a model: the packaged one, a local mlx-lm directory, or a name on the Hugging Face hub."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast
from weakref import WeakKeyDictionary

import mlx.core as mx
import mlx_lm
import mlx_lm.utils
from jinja2 import TemplateError
from mlx_lm.tokenizer_utils import TokenizerWrapper

from constrained.errors import ModelError, PromptError, VocabularyError
from constrained.runtime.packaged_model import packaged_model
from constrained.vocabulary.vocabulary import Vocabulary

Prompt = str | list[int]
REASON_LENGTH = 300  # characters of somebody else's error message that are passed on


class LanguageModel(Protocol):
    """What mlx-lm's models have in common: ids (B, N) -> logits (B, N, V), past keys and values in `cache`."""

    def __call__(self, inputs: mx.array, cache: list[Any] | None = None) -> mx.array:
        """Logits of every position; `cache` grows by N."""
        ...


class LoadedModel(NamedTuple):
    """A model and its tokenizer, in the order of `mlx_lm.load`."""

    model: LanguageModel
    tokenizer: TokenizerWrapper


def load_model(name: str | None = None, *, report: Callable[[str], None] = lambda line: None) -> LoadedModel:
    """Load a model: `model, tokenizer = load_model()`.

    `name` is a local mlx-lm directory or a hub name (`mlx-community/...`, downloaded once by mlx-lm); None is
    the packaged SmolLM2-135M-Instruct. `report` receives a line for every step that takes seconds.
    Raises ModelError for a model that cannot be found or loaded.
    """
    loaded = _load(name, mlx_lm.load, report)
    return LoadedModel(loaded[0], loaded[1])


def load_tokenizer(name: str | None = None, *, report: Callable[[str], None] = lambda line: None) -> TokenizerWrapper:
    """Load a model's tokenizer alone. Arguments and errors as for `load_model`."""
    return _load(name, cast("Callable[[str], Any]", mlx_lm.utils.load_tokenizer), report)


def _load(name: str | None, load: Callable[[str], Any], report: Callable[[str], None]) -> Any:
    local = str(packaged_model(report)) if name is None else local_directory(name)
    place = local or str(name)
    report(f"loading {name or Path(place).name}")
    try:
        return load(place)
    # mlx-lm, transformers and the hub raise dozens of types, and all of them mean the same here.
    except Exception as error:
        reason = " ".join(str(error).split())[:REASON_LENGTH] or type(error).__name__
        source = "" if local else "no such directory, and the hub: "
        raise ModelError(f"cannot load the model {name or place}: {source}{reason}") from error


def local_directory(name: str) -> str | None:
    """The directory called `name`, None if it can only be a hub name; ModelError if it is neither."""
    path = Path(name).expanduser()
    if name and path.is_dir():
        if not (path / "config.json").is_file():
            raise ModelError(f"{name} is not an mlx-lm model directory: it holds no config.json")
        return str(path)
    if name and path.exists():
        raise ModelError(f"{name} is a file; an mlx-lm model is a directory")
    if name.startswith(("/", "./", "../", "~")) or name.count("/") > 1 or not name:
        raise ModelError(f"there is no directory {name!r}")
    return None


def logits_width(model: LanguageModel) -> int:
    """V of the logits (B, N, V), often padded beyond the tokenizer's ids. Nothing is computed: MLX is lazy."""
    return model(mx.array([[0]])).shape[-1]


_vocabularies: "WeakKeyDictionary[object, Vocabulary]" = WeakKeyDictionary()


def vocabulary_of(model: LanguageModel, tokenizer: object) -> Vocabulary:
    """The vocabulary of a model's logits; read once for every tokenizer object. A vocabulary is its own.

    Raises VocabularyError if the tokenizer's tokens cannot be turned into bytes, or if a vocabulary is wider than
    the logits.
    """
    width = logits_width(model)
    if isinstance(tokenizer, Vocabulary):
        if tokenizer.size > width:
            raise VocabularyError(f"the vocabulary has {tokenizer.size} tokens, but the model's logits {width}")
        return tokenizer
    known = _vocabularies.get(tokenizer)
    if known is None or known.size != width:
        known = _vocabularies[tokenizer] = Vocabulary.from_tokenizer(tokenizer, size=width)
    return known


def prompt_ids(tokenizer: TokenizerWrapper | Vocabulary, prompt: Prompt) -> list[int]:
    """Token ids of a prompt; text gets the tokenizer's start token unless it begins with it, as in mlx-lm.

    Raises ValueError for an empty prompt, and for text where a vocabulary cannot encode any.
    """
    ids = _encoded(tokenizer, prompt) if isinstance(prompt, str) else prompt
    if not ids:
        raise ValueError("the prompt is empty: a model needs at least one token to start from")
    return list(ids)


def _encoded(tokenizer: TokenizerWrapper | Vocabulary, text: str) -> list[int]:
    if not isinstance(tokenizer, Vocabulary):
        start = cast("str | None", tokenizer.bos_token)
        return tokenizer.encode(text, add_special_tokens=start is None or not text.startswith(start))
    if tokenizer.encode is None:
        raise ValueError("this vocabulary was made without a tokenizer: the prompt must be token ids")
    return tokenizer.encode(text)


def chat_ids(
    tokenizer: TokenizerWrapper, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None
) -> list[int]:
    """Token ids of a conversation, ready for the assistant's turn; without a chat template, of its text alone.

    `tools` (OpenAI's shape) are for the template to show; one that knows no tools ignores them.
    Raises PromptError if the model's template refuses the conversation (some know no system message).
    """
    if not tokenizer.has_chat_template:
        return prompt_ids(tokenizer, "\n\n".join(str(message["content"]) for message in messages))
    try:
        render = cast("Any", tokenizer.apply_chat_template)
        rendered = cast("list[int]", render(messages, tools=tools, add_generation_prompt=True))
    except TemplateError as error:
        raise PromptError(f"the model's chat template refuses the conversation: {error}") from error
    return list(rendered)

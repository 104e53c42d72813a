"""Loading: where a name may point, and what is said when it points nowhere."""

import mlx_lm
import pytest

from constrained.errors import ModelError, VocabularyError
from constrained.runtime import generate, models
from constrained.runtime.models import chat_ids, load_model, logits_width, prompt_ids, vocabulary_of
from constrained.vocabulary.vocabulary import Vocabulary
from tests.runtime import tiny


@pytest.fixture
def asked(monkeypatch):
    """What mlx-lm was asked to load; it gives back two strings."""
    names: list[str] = []
    monkeypatch.setattr(mlx_lm, "load", lambda name: names.append(name) or ("model", "tokenizer"))
    return names


def test_a_directory_is_loaded_from_where_it_is(asked, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    lines: list[str] = []
    assert load_model(str(tmp_path), report=lines.append) == ("model", "tokenizer")
    assert asked == [str(tmp_path)]
    assert lines == [f"loading {tmp_path}"]


@pytest.mark.parametrize("name", ["mlx-community/Qwen3-0.6B-4bit", "gpt2"])
def test_a_hub_name_is_left_to_mlx_lm(asked, name):
    load_model(name)
    assert asked == [name]


def test_without_a_name_the_packaged_model_is_loaded(asked, monkeypatch, tmp_path):
    monkeypatch.setattr(models, "packaged_model", lambda report: tmp_path)
    load_model()
    assert asked == [str(tmp_path)]


@pytest.mark.parametrize("name", ["", "./missing", "/missing", "~/missing", "a/b/c"])
def test_a_directory_that_is_not_there_is_said(asked, name):
    with pytest.raises(ModelError, match="there is no directory"):
        load_model(name)
    assert asked == []


def test_a_file_is_not_a_model(asked, tmp_path):
    (tmp_path / "model.gguf").write_text("")
    with pytest.raises(ModelError, match="is a file"):
        load_model(str(tmp_path / "model.gguf"))


def test_a_directory_without_configuration_is_not_a_model(asked, tmp_path):
    with pytest.raises(ModelError, match=r"holds no config\.json"):
        load_model(str(tmp_path))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("no such type:\n  more lines"), "no such type: more lines"),
        (KeyError(), "KeyError"),
        (OSError("disk"), "disk"),
    ],
)
def test_whatever_mlx_lm_raises_is_one_line(monkeypatch, error, reason):
    def fails(name: str) -> None:
        raise error

    monkeypatch.setattr(mlx_lm, "load", fails)
    with pytest.raises(
        ModelError, match=rf"^cannot load the model some/model: no such directory, and the hub: {reason}$"
    ):
        load_model("some/model")


def test_a_broken_directory_is_one_line(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llama"')
    with pytest.raises(ModelError, match="cannot load the model"):
        load_model(str(tmp_path))


def test_the_width_of_the_logits_is_the_models():
    assert logits_width(tiny.model()) == tiny.PADDED


class Chatless:
    """A tokenizer without a chat template."""

    has_chat_template = False
    bos_token = None

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        return list(text.encode())


def test_without_a_chat_template_the_text_alone_is_the_prompt():
    messages = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]
    assert chat_ids(Chatless(), messages) == list(b"a\n\nb")


def test_token_ids_are_a_prompt_as_they_are():
    assert prompt_ids(Chatless(), [3, 4]) == [3, 4]


def test_a_vocabulary_does_where_there_is_no_tokenizer():
    model, vocabulary = tiny.model(), tiny.vocabulary()
    assert vocabulary_of(model, vocabulary) is vocabulary
    assert generate(model, vocabulary, [tiny.START], tiny.grammar("abc")).text == "abc"
    with pytest.raises(ValueError, match="made without a tokenizer"):
        prompt_ids(vocabulary, "ab")
    with pytest.raises(VocabularyError, match="161 tokens, but the model's logits 160"):
        vocabulary_of(model, Vocabulary.from_spellings([b"a"] * (tiny.PADDED + 1), eos_token_ids=[0]))

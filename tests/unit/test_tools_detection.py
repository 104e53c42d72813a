"""Which family a chat template, a parser's name or a vocabulary points to."""

import pkgutil
from pathlib import Path

import mlx_lm.tool_parsers
import pytest
from mlx_lm.tokenizer_utils import _infer_tool_parser

from constrained import Vocabulary
from grammars.tools.catalogue import MODELS
from grammars.tools.detection import PARSERS, TEMPLATES, TOKENS, detect, detect_format
from grammars.tools.tables import FORMATS
from tests.support.shared_data import CHECKOUT, shared

BY_TEMPLATE = {
    "CohereForAI-c4ai-command-r7b-12-2024-tool_use": "cohere",
    "GLM-4.6": "glm-4.5",
    "GLM-4.7-Flash": "glm-4.7",
    "HuggingFaceTB-SmolLM3-3B": "generic",  # this one renders no calls: its tokens decide
    "Kimi-K2-Instruct": "kimi-k2",
    "Kimi-K2-Thinking": "kimi-k2",
    "LFM2.5-Instruct": "generic",  # as above
    "MiniMax-M2": "minimax-m2",
    "Mistral-Small-3.2-24B-Instruct-2506": "mistral-v11",
    "NousResearch-Hermes-3-Llama-3.1-8B-tool_use": "hermes",
    "Qwen-Qwen2.5-7B-Instruct": "hermes",
    "Qwen-Qwen3-0.6B": "hermes",
    "Qwen3-Coder": "qwen3-coder",
    "Qwen3.5-4B": "qwen3-coder",
    "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B": "deepseek-r1",
    "deepseek-ai-DeepSeek-V3.1": "deepseek-v3.1",
    "deepseek-ai-DeepSeek-V3.2": "deepseek-v3.2",
    "google-gemma-4-31B-it": "gemma-4",
    "ibm-granite-granite-3.3-2B-Instruct": "granite-3",
    "ibm-granite-granite-4.0": "hermes",
    "meta-llama-Llama-3.1-8B-Instruct": "llama3-json",
    "meta-llama-Llama-3.2-3B-Instruct": "llama3-json",
    "meta-llama-Llama-3.3-70B-Instruct": "llama3-json",
    "mistralai-Ministral-3-14B-Reasoning-2512": "mistral-v13",
    "mistralai-Mistral-Nemo-Instruct-2407": "mistral-v3",
    "openai-gpt-oss-120b": "gpt-oss",
}


def vocabulary(*tokens: str) -> Vocabulary:
    return Vocabulary.from_spellings(
        [b"a", None, *[None] * len(tokens)], [1], {token: 2 + place for place, token in enumerate(tokens)}
    )


def template(name: str) -> str:
    return Path(shared(f"data/chat_templates/{name}.jinja")).read_text()


@pytest.mark.shared
@pytest.mark.parametrize("name", BY_TEMPLATE)
def test_a_template_says_which_family_it_is_of(name: str):
    assert detect_format(vocabulary(), template(name)).name == BY_TEMPLATE[name]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "tokens", "wanted"),
    [
        ("LFM2.5-Instruct", ("<|tool_call_start|>", "<|tool_call_end|>"), "lfm2"),
        ("HuggingFaceTB-SmolLM3-3B", ("<tool_call>", "</tool_call>"), "hermes"),
    ],
)
def test_tokens_decide_where_the_template_renders_no_calls(name: str, tokens: tuple[str, ...], wanted: str):
    assert detect_format(vocabulary(*tokens), template(name)).name == wanted


def test_a_parser_type_goes_before_the_template_unless_it_covers_it():
    plain = "<tool_call> {{ tool_call.name }}"
    assert detect_format(vocabulary(), plain, "kimi_k2").name == "kimi-k2"
    assert detect_format(vocabulary(), "[TOOL_CALLS] [CALL_ID]", "mistral").name == "mistral-v11"
    assert detect_format(vocabulary(), plain, "json_tools").name == "hermes"


@pytest.mark.shared
@pytest.mark.parametrize("name", BY_TEMPLATE)
def test_what_mlx_lm_makes_of_a_template_does_not_mislead(name: str):
    class Tokenizer:
        chat_template = template(name)
        get_vocab = staticmethod(dict[str, int])

    parser = _infer_tool_parser(Tokenizer)
    assert detect_format(vocabulary(), template(name), parser).name == BY_TEMPLATE[name]


def test_the_reason_names_what_was_seen():
    assert "'[TOOL_CALLS]' and '[ARGS]'" in detect(vocabulary(), "[TOOL_CALLS] [ARGS]").reason
    assert "'<|tool_calls_section_begin|>'" in detect(vocabulary("<|tool_calls_section_begin|>"), "").reason
    assert "'kimi_k2'" in detect(vocabulary(), "<tool_call>", "kimi_k2").reason
    assert "neither" in detect(vocabulary(), "").reason


SNIPPETS = {
    "kimi-k3": "{{- '<|open|>' + tag }}{{ '<|sep|>' }}{{- '<|end_of_msg|>' -}}",
    "muse": "{{- '<atem:function_calls>' }} <|start|> <|message|>",
    "minicpm5": '<function name="f"><param name="k"> <tool_call>',
    "hunyuan-3": "'<tool_calls>' '<tool_call>' '<tool_sep>' '<arg_key>'",
    "hunyuan-3-opensource": "{% set s = ':opensource' %} '<tool_calls' '<tool_sep' '<arg_key'",
    "deepseek-v4": "'<' + '｜DSML｜' + 'tool_calls>'",
    "functionary-v3.1": '<function=example_function_name>{"example_name": "example_value"}</function>',
    "functionary-v3.2": "{{- '>>>all\\n' + message['content'] -}}",
    "cohere-4": "<|START_TEXT|>{{ x }}<|END_TEXT|> <|START_ACTION|>[",
    "cohere-5": "<|START_TEXT|> <cofl:tool_calls><cofl:tool_call id=",
    "xlam": "make calls in a single JSON array:",
}


@pytest.mark.parametrize("name", SNIPPETS)
def test_what_other_templates_are_known_by(name: str):
    assert detect_format(vocabulary(), SNIPPETS[name]).name == name


def test_without_evidence_it_is_the_generic_format():
    assert detect_format(vocabulary(), "{{ messages }}").name == "generic"


class Wrapper:
    """A tokenizer, as mlx-lm's wrapper shows it."""

    def __init__(self) -> None:
        self.chat_template = "<|tool_calls_section_begin|>"
        self.init_kwargs = {"tool_parser_type": None}

    def get_added_vocab(self) -> dict[str, int]:
        return {}


def test_a_tokenizer_brings_its_template():
    assert detect_format(Wrapper()).name == "kimi-k2"


def test_every_rule_names_a_format():
    named = {rule.format for rule in (*TEMPLATES, *TOKENS)} | {name for names in PARSERS.values() for name in names}
    assert named <= FORMATS.keys()


def test_every_parser_of_mlx_lm_has_formats():
    parsers = {module.name for module in pkgutil.iter_modules(mlx_lm.tool_parsers.__path__)}
    assert parsers
    assert parsers <= PARSERS.keys()


def test_the_table_in_the_documentation_lists_every_format():
    text = (CHECKOUT / "docs" / "tools.md").read_text()
    assert [name for name in FORMATS if f"\n| `{name}` |" not in text] == []


def test_the_catalogue_has_every_format_with_the_models_that_the_documentation_names():
    text = (CHECKOUT / "docs" / "tools.md").read_text()
    assert MODELS.keys() == FORMATS.keys()
    assert [name for name, models in MODELS.items() if f"\n| `{name}` | {models} |" not in text] == []

"""Which family is a model of? Its chat template says so, else its tokens, else nothing does.

A template that renders tool calls contains the family's markers; the first rule all of whose words
occur decides. `tool_parser_type` is a setting of the model for mlx-lm, or what mlx-lm made of the
template; it goes before the rules, but its parsers cover several formats each, and then they decide.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

from constrained.vocabulary.vocabulary import Vocabulary
from grammars.tools.formats import ToolFormat
from grammars.tools.tables import FORMATS


@dataclass(frozen=True, slots=True)
class Rule:
    """All of `words` in the template, and none of `without`."""

    format: str
    words: tuple[str, ...]
    without: tuple[str, ...] = ()


TEMPLATES = (
    Rule("kimi-k3", ("<|open|>", "<|sep|>", "<|end_of_msg|>")),
    Rule("hunyuan-3-opensource", ("<tool_sep", ":opensource")),
    Rule("hunyuan-3", ("<tool_sep>", "<tool_calls>")),
    Rule("muse", ("<atem:function_calls>",)),
    Rule("minimax-m2", ("<minimax:tool_call>",)),
    Rule("gemma-4", ("<|tool_call>", "<tool_call|>")),
    Rule("function-gemma", ("<start_function_call>",)),
    Rule("longcat", ("<longcat_tool_call>",)),
    Rule("glm-4.7", ("</arg_key><arg_value>",), ("\n<arg_value>",)),
    Rule("glm-4.5", ("<arg_key>",)),
    Rule("deepseek-v3.2", ("｜DSML｜", "function_calls>")),
    Rule("deepseek-v4", ("｜DSML｜", "tool_calls>")),
    Rule("deepseek-r1", ("<｜tool▁call▁begin｜>", "```json")),
    Rule("deepseek-v3.1", ("<｜tool▁call▁begin｜>",)),
    Rule("kimi-k2", ("<|tool_calls_section_begin|>",)),
    Rule("cohere-5", ("<cofl:tool_calls>",)),
    Rule("cohere-4", ("<|START_ACTION|>", "<|START_TEXT|>")),
    Rule("cohere", ("<|START_ACTION|>",)),
    Rule("lfm2", ("<|tool_call_start|>",)),
    Rule("lfm2", ("<|tool_list_start|>",)),
    Rule("seed-oss", ("<seed:tool_call>",)),
    Rule("qwen3-coder", ("<tool_call>\\n<function=",)),
    Rule("qwen3-coder", ("<tool_call>\n<function=",)),
    Rule("mimo", ("<tool_call><function=",)),
    Rule("qwen3-coder", ("<function=", "<parameter=")),
    Rule("minicpm5", ('<function name="', '<param name="')),
    Rule("functionary-v3.1", ("<function=example_function_name>{",)),
    Rule("functionary-v3.2", (">>>all",)),
    Rule("xlam", ("calls in a single JSON array",)),
    Rule("mistral-v11", ("[TOOL_CALLS]", "[CALL_ID]")),
    Rule("mistral-v13", ("[TOOL_CALLS]", "[ARGS]")),
    Rule("mistral-v3", ("[TOOL_CALLS]",)),
    Rule("gpt-oss", ("<|channel|>", "<|message|>")),
    Rule("phi-4-mini-functools", ("functools[",)),
    Rule("phi-4-mini", ("<|/tool_call|>",)),
    Rule("granite-3", ("<|tool_call|>",)),
    Rule("olmo-3", ("<function_calls>",)),
    Rule("smollm2", ("<tool_call>[",)),
    Rule("exaone", ("<tool_call>{", "[|assistant|]")),
    Rule("hermes", ("<tool_call>",)),
    Rule("llama4-pythonic", ("<|python_start|>",)),
    Rule("llama3-json", ('"parameters": ', '{"name": "')),
    Rule("pythonic", ("[func_name1(",)),
)

# Tokens that only one family has, for templates that do not render calls.
TOKENS = (
    Rule("kimi-k3", ("<|open|>", "<|close|>", "<|sep|>", "<|end_of_msg|>")),
    Rule("hunyuan-3-opensource", ("<tool_sep:opensource>",)),
    Rule("hunyuan-3", ("<tool_sep>", "<tool_calls>")),
    Rule("kimi-k2", ("<|tool_calls_section_begin|>",)),
    Rule("gpt-oss", ("<|channel|>", "<|message|>", "<|call|>")),
    Rule("muse", ("<|start|>", "<|message|>", "<|eom|>", "<|eot|>")),
    Rule("lfm2", ("<|tool_call_start|>", "<|tool_call_end|>")),
    Rule("minimax-m2", ("<minimax:tool_call>",)),
    Rule("gemma-4", ("<|tool_call>", "<tool_call|>")),
    Rule("function-gemma", ("<start_function_call>",)),
    Rule("deepseek-v3.2", ("｜DSML｜",)),
    Rule("deepseek-v3.1", ("<｜tool▁calls▁begin｜>",)),
    Rule("cohere-5", ("<cofl:tool_calls>",)),
    Rule("cohere-4", ("<|START_ACTION|>", "<|START_TEXT|>")),
    Rule("cohere", ("<|START_ACTION|>",)),
    Rule("mistral-v13", ("[TOOL_CALLS]", "[ARGS]")),
    Rule("mistral-v3", ("[TOOL_CALLS]",)),
    Rule("glm-4.5", ("<tool_call>", "<arg_key>")),
    Rule("phi-4-mini", ("<|tool_call|>", "<|/tool_call|>")),
    Rule("granite-3", ("<|tool_call|>",)),
    Rule("hermes", ("<tool_call>",)),
    Rule("llama4-pythonic", ("<|python_start|>",)),
    Rule("llama3-json", ("<|python_tag|>",)),
)

# mlx-lm's parsers -> the formats whose templates it takes for theirs, the usual one first.
PARSERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "function_gemma": ("function-gemma",),
        "gemma4": ("gemma-4",),
        "glm47": ("glm-4.7", "glm-4.5", "hunyuan-3"),
        "json_tools": ("hermes", "exaone", "generic", "smollm2", "mimo", "granite-3"),
        "kimi_k2": ("kimi-k2",),
        "kimi_k3": ("kimi-k3",),
        "laguna": ("glm-4.7",),
        "longcat": ("longcat",),
        "minicpm5": ("minicpm5",),
        "minimax_m2": ("minimax-m2",),
        "mistral": ("mistral-v13", "mistral-v11", "mistral-v3"),
        "muse_spark": ("muse",),
        "pythonic": ("lfm2", "pythonic", "llama4-pythonic"),
        "qwen3_coder": ("qwen3-coder", "mimo"),
    }
)


@dataclass(frozen=True, slots=True)
class Detection:
    """What a model's format was found to be, and why."""

    format: ToolFormat
    reason: str


def detect_format(
    source: Vocabulary | object, chat_template: str | None = None, tool_parser_type: str | None = None
) -> ToolFormat:
    """The tool format of a model; "generic" where nothing says. Arguments as in `detect`."""
    return detect(source, chat_template, tool_parser_type).format


def detect(
    source: Vocabulary | object, chat_template: str | None = None, tool_parser_type: str | None = None
) -> Detection:
    """The tool format of a model, and what it was recognised by.

    `source` is a vocabulary or a tokenizer (Hugging Face's, or mlx-lm's wrapper); the template and the
    parser type are taken from a tokenizer where they are not given.
    """
    template = chat_template if chat_template is not None else _template_of(source)
    parser = tool_parser_type if tool_parser_type is not None else _setting_of(source, "tool_parser_type")
    by_template = _matching(TEMPLATES, template)
    by_parser = PARSERS.get(parser or "")
    if by_parser is not None and (by_template is None or by_template.format not in by_parser):
        return Detection(FORMATS[by_parser[0]], f"the tokenizer's settings name the parser {parser!r}")
    if by_template is not None:
        return Detection(FORMATS[by_template.format], f"the chat template has {_listed(by_template)}")
    by_tokens = _matching(TOKENS, _tokens_of(source))
    if by_tokens is not None:
        return Detection(FORMATS[by_tokens.format], f"the vocabulary has the tokens {_listed(by_tokens)}")
    return Detection(FORMATS["generic"], "neither the chat template nor the vocabulary has markers of a family")


def _matching(rules: tuple[Rule, ...], found: Collection[str]) -> Rule | None:
    for rule in rules:
        if all(word in found for word in rule.words) and not any(word in found for word in rule.without):
            return rule
    return None


def _listed(rule: Rule) -> str:
    return " and ".join(map(repr, rule.words))


def _tokens_of(source: object) -> Collection[str]:
    if isinstance(source, Vocabulary):
        return source.control.keys()
    added = getattr(source, "get_added_vocab", None)
    return cast("Mapping[str, int]", added()).keys() if callable(added) else ()


def _template_of(source: object) -> str:
    template = getattr(source, "chat_template", None)
    if isinstance(template, str):
        return template
    if isinstance(template, Mapping):  # several templates by name
        named = cast("Mapping[str, Any]", template)
        return str(named.get("tool_use") or named.get("default") or "")
    return "" if template is None else json.dumps(template, default=str)


def _setting_of(source: object, name: str) -> str | None:
    settings = getattr(source, "init_kwargs", None)
    found = cast("Mapping[str, Any]", settings).get(name) if isinstance(settings, Mapping) else None
    return found if isinstance(found, str) else None

"""Foreign parsers: what do others read in the tokens that our grammars allow?

Each reader takes the tokens of a turn and returns (name, arguments) of its calls.
"""

import ast
import hashlib
import importlib
import json
import os
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from constrained import Vocabulary
from constrained.vocabulary.cache import cache_folder
from tests.conformance.tools.walks import spelled

Calls = list[tuple[str, Any]]
Reader = Callable[[list[int], Vocabulary, list[dict[str, Any]]], Calls]


def _sections(tokens: list[int], vocabulary: Vocabulary, opens: str, closes: str | None) -> list[str]:
    """The texts between two markers, which may be control tokens; up to the end where nothing closes."""
    if opens not in vocabulary.control:
        _, *rest = spelled(tokens, vocabulary).split(opens)
        return [part.split(closes)[0] for part in rest] if closes else rest
    start, end = vocabulary.control[opens], None if closes is None else vocabulary.control[closes]
    found: list[str] = []
    at = 0
    while start in tokens[at:]:
        first = tokens.index(start, at) + 1
        last = len(tokens) if end is None else tokens.index(end, first)
        found.append(spelled(tokens[first:last], vocabulary))
        at = last
    return found


def mlx(parser: str, opens: str, closes: str | None) -> Reader:
    """One of mlx-lm's parsers, fed as its server feeds it: with the text between the markers."""
    parse = importlib.import_module(f"mlx_lm.tool_parsers.{parser}").parse_tool_call

    def read(tokens: list[int], vocabulary: Vocabulary, tools: list[dict[str, Any]]) -> Calls:
        calls: Calls = []
        for section in _sections(tokens, vocabulary, opens, closes):
            found = parse(section, tools)
            calls += [(one["name"], one["arguments"]) for one in (found if isinstance(found, list) else [found])]
        return calls

    return read


def plain_json(opens: str, closes: str | None, name: str = "name", arguments: str = "arguments") -> Reader:
    """Python's json, for families whose calls are one JSON list."""

    def read(tokens: list[int], vocabulary: Vocabulary, tools: list[dict[str, Any]]) -> Calls:
        sections = _sections(tokens, vocabulary, opens, closes)
        return [(one[name], one[arguments]) for section in sections for one in json.loads(section)]

    return read


def cohere_melody(command: str) -> Reader:
    """Cohere's own reader of what its models write."""

    def read(tokens: list[int], vocabulary: Vocabulary, tools: list[dict[str, Any]]) -> Calls:
        melody = pytest.importorskip("cohere_melody", reason="pip install cohere-melody")
        found = getattr(melody.PyFilter, command)().process_full_text(spelled(tokens, vocabulary))
        # A call without arguments, if it is the last, has none in its reading either.
        return [(call.name, json.loads(call.arguments or "{}")) for call in found.tool_calls]

    return read


def json_list(tokens: list[int], vocabulary: Vocabulary, tools: list[dict[str, Any]]) -> Calls:
    """Python's json, for a turn that is one JSON list."""
    return [(one["name"], one["arguments"]) for one in json.loads(spelled(tokens, vocabulary))]


def plain_python(tokens: list[int], vocabulary: Vocabulary, tools: list[dict[str, Any]]) -> Calls:
    """Python's ast, for a turn that is a list of calls, or ends with one between its tokens."""
    text = spelled(tokens, vocabulary).rpartition("<|python_start|>")[2].removesuffix("<|python_end|>")
    body = ast.parse(text.strip(), mode="eval").body
    assert isinstance(body, ast.List)
    calls: Calls = []
    for call in body.elts:
        assert isinstance(call, ast.Call)
        assert isinstance(call.func, ast.Name)
        calls.append((call.func.id, {one.arg: ast.literal_eval(one.value) for one in call.keywords}))
    return calls


def llama_json(tokens: list[int], vocabulary: Vocabulary, tools: list[dict[str, Any]]) -> Calls:
    """Python's json, for a turn that ends with one call."""
    call = json.loads(spelled(tokens, vocabulary).rpartition("<|python_tag|>")[2])
    return [(call["name"], call["parameters"])]


# ---------------------------------------------------------------------- openai-harmony

_O200K = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"  # its vocabulary file, which it downloads


@cache
def _harmony_encoding(vocabulary: Vocabulary) -> Any:
    """openai-harmony's encoding; its file is written from the tokenizer that we have, and checked by its hash."""
    harmony = pytest.importorskip("openai_harmony", reason="pip install openai-harmony")
    lines = [
        f"{b64encode(spelling).decode()} {token}\n"
        for token, spelling in enumerate(vocabulary.spellings[:199_998])
        if spelling is not None
    ]
    content = "".join(lines).encode()
    assert hashlib.sha256(content).hexdigest() == _O200K
    folder = Path(cache_folder()) / "harmony"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "o200k_base.tiktoken").write_bytes(content)
    os.environ["TIKTOKEN_ENCODINGS_BASE"] = str(folder)
    return harmony.load_harmony_encoding(harmony.HarmonyEncodingName.HARMONY_GPT_OSS)


def harmony_messages(tokens: list[int], vocabulary: Vocabulary, end: int) -> list[Any]:
    """The messages of a turn that ended with token `end`, as openai-harmony reads them."""
    encoding = _harmony_encoding(vocabulary)
    harmony = importlib.import_module("openai_harmony")
    return encoding.parse_messages_from_completion_tokens([*tokens, end], role=harmony.Role.ASSISTANT)


def openai_harmony(tokens: list[int], vocabulary: Vocabulary, tools: list[dict[str, Any]]) -> Calls:
    """The messages to functions."""
    messages = harmony_messages(tokens, vocabulary, vocabulary.control["<|call|>"])
    called = [message for message in messages if (message.recipient or "").startswith("functions.")]
    return [(one.recipient.removeprefix("functions."), json.loads(one.content[0].text)) for one in called]


# ---------------------------------------------------------------------- mistral-common


class _Tokenizer:
    """As much of a mistral-common tokenizer as its decoder of calls asks for, over any vocabulary."""

    def __init__(self, vocabulary: Vocabulary, version: Any) -> None:
        self.version = version
        self._vocabulary = vocabulary

    def get_special_token(self, name: str) -> int:
        return self._vocabulary.control.get(name, -1)

    get_control_token = get_special_token

    def decode(self, tokens: list[int], special_token_policy: Any = None) -> str:
        return spelled([token for token in tokens if self._vocabulary.spellings[token] is not None], self._vocabulary)


def mistral_common(version: str) -> Reader:
    """mistral-common's decoder of calls, for one version of its tokenizers."""

    def read(tokens: list[int], vocabulary: Vocabulary, tools: list[dict[str, Any]]) -> Calls:
        base = pytest.importorskip("mistral_common.tokens.tokenizers.base")
        decoder = importlib.import_module("mistral_common.experimental.tools")
        tokenizer = _Tokenizer(vocabulary, getattr(base.TokenizerVersion, version))
        _, calls = decoder._split_content_and_tool_calls(tokens, vocabulary.control["[TOOL_CALLS]"])
        return [
            (call.function.name, json.loads(call.function.arguments))
            for call in decoder._decode_tool_calls(calls, tokenizer)
        ]

    return read


# ---------------------------------------------------------------------- sglang


def sglang(module: str, detector: str) -> Reader:
    """One of sglang's detectors, for the families that nobody else reads. It wants an accelerator's packages."""

    def read(tokens: list[int], vocabulary: Vocabulary, tools: list[dict[str, Any]]) -> Calls:
        found = pytest.importorskip(f"sglang.srt.function_call.{module}", reason="pip install sglang")
        tool = importlib.import_module("sglang.srt.entrypoints.openai.protocol").Tool
        text = spelled(tokens, vocabulary)
        calls = getattr(found, detector)().detect_and_parse(text, [tool(**one) for one in tools]).calls
        return [(call.name, json.loads(call.parameters)) for call in calls]

    return read


_XML = ("<tool_call>", "</tool_call>")
ORACLES: dict[str, list[tuple[str, Reader]]] = {
    "hermes": [("mlx-lm json_tools", mlx("json_tools", *_XML))],
    "llama3-json": [("Python's json", llama_json)],
    "granite-3": [("Python's json", plain_json("<|tool_call|>", None))],
    "xlam": [("Python's json", json_list)],
    "phi-4-mini": [("Python's json", plain_json("<|tool_call|>", "<|/tool_call|>"))],
    "cohere": [("cohere-melody", cohere_melody("cmd3"))],
    "cohere-4": [("cohere-melody", cohere_melody("cmd4"))],
    "cohere-5": [("cohere-melody", cohere_melody("cmd5"))],
    "mistral-v3": [("mlx-lm mistral", mlx("mistral", "[TOOL_CALLS]", None)), ("mistral-common", mistral_common("v3"))],
    "mistral-v11": [("mistral-common", mistral_common("v11"))],
    "mistral-v13": [
        ("mlx-lm mistral", mlx("mistral", "[TOOL_CALLS]", None)),
        ("mistral-common", mistral_common("v13")),
    ],
    "kimi-k2": [
        ("mlx-lm kimi_k2", mlx("kimi_k2", "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>")),
    ],
    "kimi-k3": [("mlx-lm kimi_k3", mlx("kimi_k3", "<|open|>tools<|sep|>", "<|close|>tools<|sep|>"))],
    "muse": [("mlx-lm muse_spark", mlx("muse_spark", "<atem:function_calls>", "</atem:function_calls>"))],
    "minicpm5": [("mlx-lm minicpm5", mlx("minicpm5", "<function name=", "</function>"))],
    "gpt-oss": [("openai-harmony", openai_harmony)],
    "qwen3-coder": [("mlx-lm qwen3_coder", mlx("qwen3_coder", *_XML))],
    "mimo": [("mlx-lm qwen3_coder", mlx("qwen3_coder", *_XML))],
    "seed-oss": [("mlx-lm qwen3_coder", mlx("qwen3_coder", "<seed:tool_call>", "</seed:tool_call>"))],
    "glm-4.5": [("mlx-lm glm47", mlx("glm47", *_XML))],
    "glm-4.7": [("mlx-lm glm47", mlx("glm47", *_XML))],
    "longcat": [("mlx-lm longcat", mlx("longcat", "<longcat_tool_call>", "</longcat_tool_call>"))],
    "minimax-m2": [("mlx-lm minimax_m2", mlx("minimax_m2", "<minimax:tool_call>", "</minimax:tool_call>"))],
    "pythonic": [("Python's ast", plain_python)],
    "llama4-pythonic": [("Python's ast", plain_python)],
    "lfm2": [("mlx-lm pythonic", mlx("pythonic", "<|tool_call_start|>", "<|tool_call_end|>"))],
    "gemma-4": [("mlx-lm gemma4", mlx("gemma4", "<|tool_call>", "<tool_call|>"))],
    "function-gemma": [
        ("mlx-lm function_gemma", mlx("function_gemma", "<start_function_call>", "<end_function_call>"))
    ],
}
ELSEWHERE: dict[str, list[tuple[str, Reader]]] = {
    "deepseek-r1": [("sglang", sglang("deepseekv3_detector", "DeepSeekV3Detector"))],
    "deepseek-v3.1": [("sglang", sglang("deepseekv31_detector", "DeepSeekV31Detector"))],
    "deepseek-v3.2": [("sglang", sglang("deepseekv32_detector", "DeepSeekV32Detector"))],
    "deepseek-v4": [("sglang", sglang("deepseekv4_detector", "DeepSeekV4Detector"))],
    "hunyuan-3": [("sglang", sglang("hunyuan_detector", "HunyuanDetector"))],
}  # asked where they are installed

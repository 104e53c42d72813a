"""Values of arguments in formats that do not write JSON: raw strings, words of a template, Python's literals."""

import pytest

from constrained import CompiledGrammar, Vocabulary
from constrained.errors import UnsupportedFeature
from grammars.tools.compile import compile_tools

BYTES = Vocabulary.from_spellings([*(bytes((byte,)) for byte in range(256)), None], [256])


def accepts(compiled: CompiledGrammar, text: str) -> bool:
    """Is `text` a whole turn?"""
    found = compiled.matcher()
    return all(found.allows(byte) and (found.advance(byte) or True) for byte in text.encode()) and found.is_accepting


RAW = {
    "type": "object",
    "properties": {
        "mode": {"enum": ["fast", "slow", 3]},
        "code": {"type": "string", "pattern": "^[A-Z]{2}$"},
        "note": {"type": "string", "maxLength": 3},
        "day": {"type": "string", "format": "date"},
        "text": {"type": "string"},
    },
}


@pytest.mark.parametrize(
    ("key", "accepted", "refused"),
    [
        ("mode", ["fast", "3"], ['"fast"', "fas", "4"]),
        ("code", ["AB"], ["A", "ABC", "ab"]),
        ("note", ["", "abc", "é☃é"], ["abcd"]),
        ("day", ["2026-11-23"], ["2026-13-23", "today"]),
        ("text", ["<b>", "a\nb", "</parameter", '"'], ["a</parameter>b"]),
    ],
)
def test_raw_strings_are_held_to_their_schema(key: str, accepted: list[str], refused: list[str]):
    compiled = compile_tools([{"name": "f", "parameters": RAW}], BYTES, format="qwen3-coder", tool_choice="required")

    call = f"<tool_call>\n<function=f>\n<parameter={key}>\n{{}}\n</parameter>\n</function>\n</tool_call>"
    assert [value for value in accepted if not accepts(compiled, call.format(value))] == []
    assert [value for value in refused if accepts(compiled, call.format(value))] == []


def test_true_and_false_are_written_as_the_template_does_or_as_json():
    tool = {"name": "f", "parameters": {"type": "object", "properties": {"on": {"type": "boolean"}}}}
    python = "<tool_call>\n<function=f>\n<parameter=on>\n{}\n</parameter>\n</function>\n</tool_call>"
    plain = "<tool_call>f<arg_key>on</arg_key><arg_value>{}</arg_value></tool_call>"
    for family, text, accepted in (
        ("qwen3-coder", python, ["true", "True", "false", "False"]),
        ("glm-4.7", plain, ["true", "false"]),
    ):
        words = ["true", "True", "TRUE", "false", "False", "None", "null", ""]
        compiled = compile_tools([tool], BYTES, format=family, reasoning="none")
        assert [word for word in words if accepts(compiled, text.format(word))] == accepted


def test_a_value_that_cannot_be_written_is_refused_where_it_stands():
    schema = {"type": "object", "properties": {"a": {"const": "</parameter>"}}}
    with pytest.raises(UnsupportedFeature) as caught:
        compile_tools([{"name": "f", "parameters": schema}], BYTES, format="qwen3-coder")
    assert caught.value.where == "tools[0].parameters#/properties/a"


def test_python_literals_are_held_to_their_schema():
    schema = {
        "type": "object",
        "properties": {
            "s": {"type": "string", "maxLength": 4},
            "v": {"type": ["boolean", "null", "array"], "maxItems": 1},
        },
    }
    compiled = compile_tools([{"name": "f", "parameters": schema}], BYTES, format="pythonic")
    accepted = [
        "[f()]",
        "[f(s='ab')]",
        r"[f(s='it\'s')]",
        "[f(s='\"\"')]",
        "[f(v=True)]",
        "[f(s='', v=None)]",
        "[f(v=[1])]",
    ]
    refused = ["[f(s='abcde')]", '[f(s="ab")]', "[f(v=true)]", "[f(v=[1, 2])]", "[f(v=[1]]", "[f(s=3)]"]
    assert [text for text in accepted if not accepts(compiled, text)] == []
    assert [text for text in refused if accepts(compiled, text)] == []

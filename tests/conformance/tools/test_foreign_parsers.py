"""Others read back exactly our names and arguments, from random turns of every family."""

import json

import pytest

from grammars.tools.compile import compile_tools
from tests.conformance.tools.oracles import ELSEWHERE, ORACLES, Reader, harmony_messages
from tests.conformance.tools.requests import PLAIN
from tests.conformance.tools.vocabularies import vocabulary_for
from tests.conformance.tools.walks import frame, random_turn, spelled

READERS = [*ORACLES.items(), *ELSEWHERE.items()]
CASES = [(family, reader) for family, readers in READERS for _, reader in readers]
IDS = [f"{family}-{name.replace(' ', '_')}" for family, readers in READERS for name, _ in readers]

# Oddities of the readers, not of the calls: what they do not read, or read as something else.
FLAT = {"function-gemma"}  # its parser has no lists
NAMED = {"type": "function", "function": {"name": "get_weather"}}
CHOICES = {"longcat": NAMED}  # its parser fails where there are no arguments


def read_back(family: str, reader: Reader, seeds: range) -> None:
    vocabulary = vocabulary_for(family)
    tools = json.loads(json.dumps(PLAIN))
    if family in FLAT:
        del tools[0]["function"]["parameters"]["properties"]["flags"]
    grammar = compile_tools(
        tools, vocabulary, format=family, tool_choice=CHOICES.get(family, "required"), reasoning="none"
    )
    for seed in seeds:
        tokens = random_turn(grammar, seed, 20 + seed % 40)
        told = [(call.name, json.loads(call.arguments)) for call in frame(grammar, tokens).calls]
        assert reader(tokens, vocabulary, tools) == told, f"seed {seed}: {spelled(tokens, vocabulary)!r}"


@pytest.mark.parametrize(("family", "reader"), CASES, ids=IDS)
def test_others_read_the_same_calls(family: str, reader: Reader):
    read_back(family, reader, range(6))


@pytest.mark.slow
@pytest.mark.parametrize(("family", "reader"), CASES, ids=IDS)
def test_others_read_the_same_hundred_calls(family: str, reader: Reader):
    read_back(family, reader, range(100))


def test_openai_harmony_reads_the_same_text_and_reasoning():
    vocabulary = vocabulary_for("gpt-oss")
    grammar = compile_tools(PLAIN, vocabulary, format="gpt-oss", tool_choice="none")
    for seed in range(8):
        tokens = random_turn(grammar, seed, 30)
        told = frame(grammar, tokens)
        messages = harmony_messages(tokens, vocabulary, vocabulary.control["<|return|>"])
        by_channel = {
            channel: "".join(message.content[0].text for message in messages if message.channel == channel)
            for channel in ("analysis", "final")
        }
        assert told.text == by_channel["final"].lstrip("\n")
        assert told.reasoning.split() == by_channel["analysis"].split()

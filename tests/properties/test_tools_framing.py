"""However a turn is cut into pieces, the events add up to the same, and a start of JSON is never wrong."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constrained import Vocabulary
from grammars.tools.compile import compile_tools
from grammars.tools.events import ArgumentsDelta, Event
from grammars.tools.rendering import WrittenCall
from grammars.tools.tables import FORMATS
from tests.conformance.tools.vocabularies import NEEDS_TOKENS
from tests.conformance.tools.walks import told, whole_turn

VOCABULARY = Vocabulary.from_spellings([*(bytes((byte,)) for byte in range(256)), None], [256])
PROPERTIES = {"s": {"type": "string"}, "v": {}, "n": {"type": "number"}}
TOOLS = [{"name": "f", "parameters": {"type": "object", "properties": PROPERTIES}}, {"name": "ff"}]
KEYS = st.text("abc", min_size=1, max_size=2)
FAMILIES = [name for name in FORMATS if name not in NEEDS_TOKENS]

plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | plain,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=4,
)


@st.composite
def arguments(draw: st.DrawFn) -> dict[str, Any]:
    found = draw(st.fixed_dictionaries({}, optional={"s": plain, "v": values, "n": st.integers(-9, 9)}))
    value = found.get("v")
    if isinstance(value, str):
        found["v"] = f"x{value}"  # a text that reads as another kind is written as that kind
    return found


calls = st.lists(st.builds(WrittenCall, st.just("f"), arguments()) | st.just(WrittenCall("ff", {})), max_size=3)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@pytest.mark.parametrize("family", FAMILIES)
@given(text=st.text("ab \n<{[", max_size=6), wanted=calls, cuts=st.lists(st.integers(0, 10_000), max_size=8))
def test_pieces_do_not_matter(family: str, text: str, wanted: list[WrittenCall], cuts: list[int]):
    record = FORMATS[family]
    grammar = compile_tools(TOOLS, VOCABULARY, format=record, reasoning="none")
    if record.forms[0].between is None or record.forms[0].at_start:
        wanted, text = wanted[:1], ""
    data = whole_turn(record, text, wanted).encode()
    if not readable(grammar, data):
        return  # such as a raw string that holds its own closing tag: the grammar has no such text
    framer = grammar.framer()
    events: list[Event] = []
    so_far: dict[int, str] = {}
    for piece in pieces(data, cuts):
        for event in framer.feed(piece):
            events.append(event)
            if isinstance(event, ArgumentsDelta):
                so_far[event.index] = so_far.get(event.index, "") + event.text
    found = told([*events, *framer.finish()])
    assert [(call.name, json.loads(call.arguments)) for call in found.calls] == [
        (call.name, call.arguments) for call in wanted
    ]
    assert {index: call.arguments for index, call in enumerate(found.calls)} == so_far
    assert found.reason == ("tool_calls" if wanted else "stop")


def readable(grammar: Any, data: bytes) -> bool:
    matcher = grammar.matcher()
    for byte in data:
        if not matcher.allows(byte):
            return False
        matcher.advance(byte)
    return matcher.is_accepting

"""What is taken out of Lark's library is what Lark would have kept of it."""

import pytest
from lark.load_grammar import GrammarBuilder

from grammars.lark.library import library

GRAMMARS = [
    "start: INT\n%import common.INT",
    "start: A ESCAPED_STRING\n%import common (SIGNED_NUMBER, ESCAPED_STRING)\n%import common.SIGNED_NUMBER -> A",
    "start: WS_INLINE\n%import common.WS_INLINE\n%import common.WS\n%ignore WS\n// %import lark.name",
    "start: A\n%import common.DIGIT\n%extend DIGIT: /x/\nA: DIGIT",
    "start: name\n%import lark.name\n%import common.CNAME",
    'start: "a"',
]


def loaded(text, paths):
    builder = GrammarBuilder(import_paths=paths)
    builder.load_grammar(text, "<grammar>")
    terminals, rules, ignore = builder.build().compile(["start"], [])
    return sorted(map(repr, terminals)), sorted(map(repr, rules)), ignore


@pytest.mark.parametrize("text", GRAMMARS)
def test_a_grammar_is_the_same_with_a_part_of_the_library(text):
    assert loaded(text, library(text)) == loaded(text, [])

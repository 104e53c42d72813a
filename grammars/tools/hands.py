"""A tool's arguments in its family's hand: JSON, tags, tags in tags, or literals. Custom tools: inputs.py."""

from collections.abc import Callable as Function
from dataclasses import dataclass
from functools import lru_cache

from constrained.errors import GrammarError
from constrained.grammar import Node
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.json_schema.options import JsonSchemaOptions
from grammars.tools.arguments import Schema, compile_arguments
from grammars.tools.definitions import Tool
from grammars.tools.formats import Arguments, Json, Literals, Nested, Tags
from grammars.tools.inputs import write_input
from grammars.tools.kinds import STRING, Kinds
from grammars.tools.literals import Hand, LiteralArguments
from grammars.tools.markers import Marks, marks_of
from grammars.tools.nested import NestedArguments, NestedHand
from grammars.tools.tags import TagArguments, TagPen


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """The grammar of arguments, and which kinds of value a parameter may have."""

    node: Node
    kinds: Function[[str], Kinds]


def write_arguments(tool: Tool, arguments: Arguments, vocabulary: Vocabulary, options: JsonSchemaOptions) -> Written:
    """Compile a tool's schema, or the grammar of its input, in a family's hand.

    Raises as `compile_arguments`, and UnsupportedFeature for what this hand cannot write.
    """
    if tool.input is not None:
        return Written(write_input(tool.input, arguments, vocabulary, options), _only_text)
    in_order = isinstance(arguments, Literals) and arguments.sorted
    schema = compile_arguments(tool, options, in_order=in_order)
    try:
        return _written(schema, arguments, marks_of(vocabulary))
    except GrammarError as error:
        raise type(error)(error.message, where=f"{tool.where}{error.where}", hint=error.hint) from error


@lru_cache(maxsize=2048)
def _written(schema: Schema, arguments: Arguments, marks: Marks) -> Written:
    match arguments:
        case Json():
            return Written(schema.objects, _no_kinds)
        case Tags() as tags:
            pen = TagPen(tags, marks, schema)
            pen.check()
            return Written(TagArguments(schema, pen), pen.kinds)
        case Nested() as nested:
            tags_hand = NestedHand(nested, marks, schema.writer)
            tags_hand.check()
            return Written(NestedArguments(schema, tags_hand), _no_kinds)
        case Literals() as literals:
            hand = Hand(literals, marks, schema.writer)
            hand.check()
            return Written(LiteralArguments(schema, hand), _no_kinds)


def _only_text(name: str) -> Kinds:
    return frozenset({STRING})


def _no_kinds(name: str) -> Kinds:
    return frozenset()

"""A tool's arguments in its family's hand: JSON, tags, tags in tags, or literals. Custom tools: inputs.py."""

import json
from collections.abc import Callable as Function
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import assert_never

from constrained.errors import GrammarError
from constrained.grammar import Completion, Node, Sequence
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.json_schema.options import JsonSchemaOptions
from grammars.tools.arguments import Schema, compile_arguments
from grammars.tools.definitions import Tool
from grammars.tools.formats import Arguments, Json, Literals, Nested, Tags
from grammars.tools.inputs import write_input
from grammars.tools.kinds import STRING, Kinds
from grammars.tools.literals import Hand, LiteralArguments, is_bare, literals_ban
from grammars.tools.markers import Marks, marks_of
from grammars.tools.nested import NestedArguments, NestedHand, can_be_tag, nested_ban
from grammars.tools.plainly import Plainly
from grammars.tools.tags import TagArguments, TagPen, tags_ban, tags_name
from grammars.tools.written import AnyOf, completion_of

_Others = Tags | Nested | Literals  # than JSON, which writes everything


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
    if isinstance(arguments, Json):
        return Written(schema.objects, _no_kinds)
    if schema.is_plain and plainly(arguments, marks).arguments(json.loads(schema.text)):
        later = Later(schema, arguments, marks)
        return Written(later, later.kinds)
    return checked(schema, arguments, marks)


def checked(schema: Schema, arguments: _Others, marks: Marks, *, look: bool = True) -> Written:
    """After a closer look, if there is to be one. Raises UnsupportedFeature for what this hand cannot write."""
    match arguments:
        case Tags() as tags:
            pen = TagPen(tags, marks, schema)
            if look:
                pen.check()
            return Written(TagArguments(schema, pen), pen.kinds)
        case Nested() as nested:
            tags_hand = NestedHand(nested, marks, schema.writer)
            if look:
                tags_hand.check()
            return Written(NestedArguments(schema, tags_hand), _no_kinds)
        case Literals() as literals:
            hand = Hand(literals, marks, schema.writer)
            if look:
                hand.check()
            return Written(LiteralArguments(schema, hand), _no_kinds)
        case _:
            assert_never(arguments)


class Later(AnyOf):
    """Arguments that can plainly be written: how, is found out when a call of the tool has begun."""

    __slots__ = ("_arguments", "_made", "_marks", "_schema")

    def __init__(self, schema: Schema, arguments: _Others, marks: Marks) -> None:
        super().__init__()
        self._schema = schema
        self._arguments = arguments
        self._marks = marks
        self._made: Written | None = None

    def written(self) -> Written:
        """What they are."""
        if self._made is None:
            self._made = checked(self._schema, self._arguments, self._marks, look=False)
        return self._made

    def kinds(self, name: str) -> Kinds:
        """The kinds of value that a parameter may have."""
        return self.written().kinds(name)

    def sequences(self) -> tuple[Sequence, ...]:
        """Theirs."""
        return tuple(self.written().node.expand())

    def shortest_way(self) -> Completion:
        """Theirs."""
        return completion_of((self.written().node,))


@lru_cache(maxsize=64)
def plainly(arguments: _Others, marks: Marks) -> Plainly:
    """What a hand writes without that look."""
    match arguments:
        case Tags() as tags:
            return Plainly(partial(tags_name, tags.attributes), tags_ban(tags, marks))
        case Nested() as nested:
            return Plainly(can_be_tag, nested_ban(nested, marks), inside=True, bare=True, unique=False)
        case Literals() as literals:
            escapes, bare = literals.escapes, not literals.nested_quoted
            return Plainly(is_bare, literals_ban(literals, marks), inside=True, bare=bare, unique=escapes)
        case _:
            assert_never(arguments)


def _only_text(name: str) -> Kinds:
    return frozenset({STRING})


def _no_kinds(name: str) -> Kinds:
    return frozenset()

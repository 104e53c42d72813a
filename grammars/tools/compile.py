"""compile_tools: tools, tool_choice, response_format and reasoning in, the grammar of one turn out.

    start    reasoning body | body
    body     text | text calls | calls | answer        (turns.py says which of them)

Text and calls are told apart by their openings, so the finished text needs no parsing: `ToolGrammar`
also makes the framer, from the same `Turn`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from constrained.errors import InvalidGrammar
from constrained.grammar import Node, Sequence
from constrained.matcher import CompiledGrammar
from constrained.sections import Section
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.json_schema.options import JsonSchemaOptions
from grammars.tools.answers import read_answer
from grammars.tools.calls import Calls
from grammars.tools.definitions import read_choice
from grammars.tools.formats import ToolFormat
from grammars.tools.framing import Framer
from grammars.tools.free_text import text
from grammars.tools.markers import matching, maybe
from grammars.tools.messages import message_turn
from grammars.tools.reasoning import reasoning_format
from grammars.tools.requests import compiled_tools
from grammars.tools.tables import FORMATS
from grammars.tools.turns import Reasoning, Turn
from grammars.tools.written import Alternatives

LINE_BREAKS = matching(r"\n{0,3}")


@dataclass(frozen=True, eq=False, kw_only=True)
class ToolGrammar(CompiledGrammar):
    """The grammar of one turn. `report` lists the tools that were relaxed."""

    turn: Turn = field(repr=False)

    def framer(self) -> Framer:
        """A framer for one text of this grammar."""
        return Framer(self.turn)

    @property
    def reasoning(self) -> Section | None:
        """The section of reasoning, if there is one: `Limited(grammar.matcher(), grammar.reasoning, 100)` closes it."""
        thoughts = self.turn.thoughts
        if thoughts is None or self.turn.reasoning == "none":
            return None
        opens, closes = (tuple(self.turn.marks.pieces(mark)) for mark in (thoughts.opens, thoughts.closes))
        return Section(opens, closes, is_open=self.turn.reasoning == "opened")


def compile_tools(
    tools: object,
    vocabulary: Vocabulary,
    *,
    tool_choice: object = "auto",
    parallel_tool_calls: bool = True,
    format: ToolFormat | str = "generic",  # noqa: A002  the word that users know
    response_format: Mapping[str, Any] | None = None,
    reasoning: Reasoning | None = None,
    options: JsonSchemaOptions | None = None,
    first_index: int = 0,
    relax: bool = False,
) -> ToolGrammar:
    """The grammar of one turn of a model that may call `tools` (read_tools, read_choice: what is accepted).

    response_format  what an answer without calls must be: OpenAI's `response_format` or `text.format` (answers.py)
    reasoning        "opened" where the prompt ends inside a section, "free" where one may come, "none";
                     None: "free" where the tokenizer has tokens for it
    first_index      calls in the conversation so far, for families that number them (Kimi, Cohere)
    relax            a tool whose schema or grammar is refused takes any object or text instead, and the grammar's
                     `report` says so

    Raises GrammarError with the place in the request: `tools[3].function.parameters#/properties/a/not`.
    """
    family = _family(format)
    options = options or JsonSchemaOptions()
    found = compiled_tools(tools, family.arguments, vocabulary, options, relax=relax)
    state, thoughts = reasoning_format(family, vocabulary, reasoning)
    turn = Turn(
        family,
        vocabulary,
        found.compiled,
        read_choice(tool_choice, found.read, parallel=parallel_tool_calls),
        read_answer(response_format, vocabulary, options),
        state,
        thoughts,
        first_index,
    )
    turn.check_names()
    turn.check_ends()
    request = (found.digest, tool_choice, parallel_tool_calls, family.name, response_format, state, first_index, relax)
    fingerprint = _fingerprint(request, options, vocabulary)
    start = _start(turn)
    return ToolGrammar(start, vocabulary, fingerprint, found.relaxed, turn=turn)


def _family(name: ToolFormat | str) -> ToolFormat:
    if isinstance(name, ToolFormat):
        return name
    if name not in FORMATS:
        raise InvalidGrammar(f"unknown tool format {name!r}", hint=f"one of {', '.join(FORMATS)}")
    return FORMATS[name]


def _fingerprint(request: tuple[Any, ...], options: JsonSchemaOptions, vocabulary: Vocabulary) -> str:
    text_ = "\0".join((json.dumps(request, default=repr), repr(options), vocabulary.fingerprint))
    return hashlib.sha256(text_.encode()).hexdigest()


# ---------------------------------------------------------------------- the turn


def _start(turn: Turn) -> Node:
    if turn.format.messages is not None:
        return message_turn(turn, turn.format.messages)
    bodies = tuple(_bodies(turn, after_reasoning=False))
    if turn.thoughts is None:
        return Alternatives("turn", bodies)
    after = Alternatives("after reasoning", tuple(_bodies(turn, after_reasoning=True)))
    section = (_thinking(turn), *turn.marks.sequence(turn.thoughts.closes), after)
    if turn.reasoning == "opened":
        return Alternatives("turn", (section,))
    return Alternatives("turn", (*bodies, (*_gap(turn), *turn.marks.sequence(turn.thoughts.opens), *section)))


def _bodies(turn: Turn, *, after_reasoning: bool) -> list[Sequence]:
    """The ways to go on once there is no reasoning (any more)."""
    if turn.format.answer_first:
        return _answer_first(turn)
    bodies: list[Sequence] = []
    lead: Sequence = (LINE_BREAKS,) if after_reasoning and not turn.is_exact else ()
    opens, closes = (turn.marks.sequence(part) for part in turn.format.answer)
    free = turn.answer is None and not opens
    if turn.choice.least == 0:
        if turn.answer is not None:
            bodies.append((*lead, *opens, turn.answer.value, *closes))
        else:
            bodies.append((*(() if free else lead), *opens, _text(turn), *closes))
    if turn.callable:
        for form in turn.forms:
            calls = Calls(turn, form).sequence()
            if turn.choice.least == 0 and free and not form.at_start:
                bodies.append((_text(turn), *calls))
            else:
                bodies.append((*(lead or _gap(turn)), *calls))
    return bodies


def _answer_first(turn: Turn) -> list[Sequence]:
    """The answer, then calls; without text before them, it is empty."""
    sequence, (opens, closes) = turn.marks.sequence, turn.format.answer
    before, after, ending = (
        sequence(part) for part in ("" if turn.reasoning == "none" else opens, closes, turn.format.ending)
    )
    all_calls = [Calls(turn, form).sequence() for form in turn.forms] if turn.callable else []
    free = turn.answer is None and turn.choice.least == 0
    bodies: list[Sequence] = []
    if turn.choice.least == 0:
        bodies.append((*before, _text(turn) if turn.answer is None else turn.answer.value, *after, *ending))
    content = (_text(turn),) if free else ()
    return [*bodies, *((*before, *content, *after, *calls, *ending) for calls in all_calls)]


def _gap(turn: Turn) -> Sequence:
    return (maybe(turn.format.gap.encode()),) if turn.format.gap else ()


def _thinking(turn: Turn) -> Any:
    """What a section of reasoning may hold: not its own end, and no opening of a call."""
    assert turn.thoughts is not None
    ends = turn.marks.atoms(turn.thoughts.closes)
    banned = [*_banned(turn, at_start=False)]
    if all(atom < 256 for atom in ends):
        banned.append(bytes(ends))
    return text(tuple(sorted(set(banned))))


def _text(turn: Turn) -> Any:
    """Free text: no opening of a call, or of reasoning, is found in it."""
    banned = set(_banned(turn, at_start=False))
    for mark in (turn.format.answer[1], turn.thoughts.opens.strip() if turn.thoughts else ""):
        if mark and all(atom < 256 for atom in turn.marks.atoms(mark)):
            banned.add(mark.encode())
    return text(tuple(sorted(banned)), tuple(sorted(set(_banned(turn, at_start=True)))))


def _banned(turn: Turn, *, at_start: bool) -> list[bytes]:
    if not turn.tools:
        return []
    return [found for one in turn.openings if one.at_start is at_start and (found := one.as_bytes) is not None]

"""What one turn of the model may be, and the parts from which its grammar and framer are made.

    turn     reasoning? then  text then calls?      tool_choice "auto"
                              calls                 "required", or a named tool
                              text                  "none"
             with a response format, `text` is JSON of that schema, and no text goes before calls

An `Opening` is how the start of calls is recognised. Text may not contain an opening that is made of
bytes alone; that is what keeps the two apart, for the grammar and for the framer.
"""

import re
from collections.abc import Callable as Function
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from constrained.errors import InvalidGrammar, UnsupportedFeature
from constrained.grammar import Node
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.tools.answers import Answer
from grammars.tools.definitions import Choice, Tool
from grammars.tools.formats import CallForm, OneOf, ReasoningFormat, Slot, ToolFormat
from grammars.tools.kinds import Kinds
from grammars.tools.markers import CONTROL, Atoms, Marks, marks_of

Reasoning = Literal["none", "free", "opened"]  # no section; one may come; the prompt has begun one


@dataclass(frozen=True, slots=True, eq=False)
class Callable:
    """A tool that may be called in this turn: `arguments` is their grammar, `kinds` those of a parameter."""

    tool: Tool
    arguments: Node
    kinds: Function[[str], Kinds]

    @property
    def kind(self) -> Literal["function", "custom"]:
        """What clients call it."""
        return "function" if self.tool.input is None else "custom"


@dataclass(frozen=True, slots=True)
class Opening:
    """What calls are recognised by: up to the first token or the end of the first tag, or all of it."""

    atoms: Atoms
    at_start: bool  # of the answer only; anywhere otherwise

    @property
    def as_bytes(self) -> bytes | None:
        """The opening, if it is made of bytes alone."""
        return None if any(atom >= CONTROL for atom in self.atoms) else bytes(self.atoms)


def opening(atoms: Atoms, at_start: bool) -> Opening:
    """The opening of calls that begin with `atoms`."""
    token = next((place for place, atom in enumerate(atoms) if atom >= CONTROL), None)
    if token is not None:
        return Opening(atoms[: token + 1], at_start)
    if atoms[:1] == (ord("<"),) and ord(">") in atoms:
        return Opening(atoms[: atoms.index(ord(">")) + 1], at_start)
    return Opening(atoms, at_start)


@dataclass(frozen=True, eq=False)
class Turn:
    """One turn. `answer`: its grammar, None for free text. `first_index`: calls before it."""

    format: ToolFormat
    vocabulary: Vocabulary
    tools: tuple[Callable, ...]
    choice: Choice
    answer: Answer | None
    reasoning: Reasoning
    thoughts: ReasoningFormat | None
    first_index: int = 0

    @property
    def marks(self) -> Marks:
        """The markers in this vocabulary."""
        return marks_of(self.vocabulary)

    @cached_property
    def callable(self) -> tuple[Callable, ...]:
        """The tools that may be called."""
        if self.choice.most == 0:
            return ()
        names = self.choice.names
        return tuple(one for one in self.tools if names is None or one.tool.name in names)

    @cached_property
    def forms(self) -> tuple[CallForm, ...]:
        """The forms in which calls may be written here.

        A call without a marker of its own cannot be told from an answer in JSON, so then it needs one; and
        no call can be told from an answer that is any text.
        """
        forms = self.format.forms
        if self.answer is not None and self.choice.least == 0 and self.format.messages is None:
            forms = tuple(form for form in forms if form.by_name or not form.at_start)
            forms = tuple(form for form in forms if form.at_start or self._has_token(form))
            forms = () if self.is_exact else forms
        if self.callable and not forms:
            answer = "such an answer" if self.is_exact else "a JSON answer"
            raise UnsupportedFeature(
                f"format {self.format.name!r} cannot tell calls from {answer}",
                where="response_format",
                hint='use tool_choice "required" or "none", or another format',
            )
        return forms

    @property
    def is_exact(self) -> bool:
        """Is an answer without calls a text of which every character counts?"""
        return self.answer is not None and not self.answer.is_json

    def _has_token(self, form: CallForm) -> bool:
        """Can calls of this form be told from JSON? A tag or a token is never the beginning of a value."""
        first = self.marks.atoms(self.first_literal(form))[0]
        return first >= CONTROL or chr(first) not in ' \t\r\n{["-0123456789tfn'

    def first_literal(self, form: CallForm) -> str:
        """What a form writes before the first slot."""
        first = form.call[0]
        return form.opens + (first if isinstance(first, str) else "")

    @cached_property
    def openings(self) -> tuple[Opening, ...]:
        """How calls begin; also those that are not allowed, so that text cannot look like them."""
        return tuple(dict.fromkeys(one for form in self.format.forms for one in self._openings_of(form)))

    def _openings_of(self, form: CallForm) -> list[Opening]:
        literal = self.first_literal(form)
        if not form.by_name:
            return [opening(self.marks.atoms(literal), form.at_start)]
        after = form.call[form.call.index(Slot.NAME) + 1]
        assert isinstance(after, str)
        return [opening(self.marks.atoms(literal + one.tool.name + after), form.at_start) for one in self.tools]

    def check_ends(self) -> None:
        """Raise UnsupportedFeature where this format needs an end token in the middle of a turn."""
        for text, last in self._markers():
            pieces = [piece for piece in self.marks.pieces(text) if isinstance(piece, int)]
            inner = pieces[:-1] if last else pieces
            for token in set(inner).intersection(self.vocabulary.eos_token_ids):
                name = next(name for name, known in self.vocabulary.control.items() if known == token)
                raise UnsupportedFeature(
                    f"format {self.format.name!r} has {name} inside a turn, but it ends the texts of this model",
                    hint="leave it out of the end tokens, or use another format",
                )

    def _markers(self) -> Iterator[tuple[str, bool]]:
        """The markers of a turn, and whether it may end with them."""
        family = self.format
        if self.thoughts is not None:
            yield self.thoughts.opens, False
            yield self.thoughts.closes, False
        if family.messages is not None:
            for text in (family.messages.next, family.messages.end, family.messages.preamble, family.messages.answer):
                yield text, False
        for form in self.forms if self.callable else ():
            for place, part in enumerate(form.call):
                texts = (part,) if isinstance(part, str) else part.texts if isinstance(part, OneOf) else ()
                one = form.between is None or self.choice.most == 1
                final = one and place == len(form.call) - 1 and not form.closes
                yield from ((text, final) for text in texts)
            yield form.opens, False
            yield form.closes, not family.ending

    def check_names(self) -> None:
        """Raise InvalidGrammar for a tool whose name cannot be written in this format."""
        for one in self.tools:
            if not re.fullmatch(self.format.names, one.tool.name):
                raise InvalidGrammar(
                    f"format {self.format.name!r} cannot write the name {one.tool.name!r}",
                    where=one.tool.where.rpartition(".")[0] + ".name",
                )

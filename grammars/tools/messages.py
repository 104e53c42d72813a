"""Turns that are made of messages, each with a header that says who it is for.

    <|start|>assistant | <|channel|>analysis<|message|>...<|end|>                             reasoning
    <|start|>assistant   <|channel|>commentary<|message|>...<|end|>                           text before calls
    <|start|>assistant   <|channel|>commentary to=functions.f <|constrain|>json<|message|>{}  a call, <|call|>
    <|start|>assistant   <|channel|>final<|message|>...                                       the answer, <|return|>

The prompt ends at the bar. A turn is any number of the first two, then the answer or calls.
"""

from constrained.errors import UnsupportedFeature
from constrained.finishing import length
from constrained.grammar import Completion, Node, Sequence
from grammars.tools.calls import Calls
from grammars.tools.formats import MessageFormat
from grammars.tools.free_text import before, text
from grammars.tools.markers import CONTROL
from grammars.tools.turns import Turn
from grammars.tools.written import Alternatives, AnyOf, completion_of


def message_turn(turn: Turn, shape: MessageFormat) -> Node:
    """The grammar of a turn. Raises UnsupportedFeature for a tokenizer without tokens that the format needs."""
    for token in shape.needs:
        if not turn.marks.is_token(token):
            raise UnsupportedFeature(f"format {turn.format.name!r} needs a tokenizer with the token {token}")
    messages = Messages(turn, shape)
    return Alternatives("turn", (messages.after_text(),)) if turn.reasoning == "opened" else messages


class Messages(AnyOf):
    """A message, and those after it."""

    __slots__ = ("_last", "_shape", "_text", "_text_before", "_turn")

    def __init__(self, turn: Turn, shape: MessageFormat) -> None:
        super().__init__()
        self._turn = turn
        self._shape = shape
        others, last = (self._as_bytes(mark) for mark in (shape.end + shape.next, shape.last))
        self._text = text(tuple(filter(None, (others, last))))
        self._text_before = before(others, tuple(filter(None, (last,)))) if others else self._text
        self._last = self._last_messages()

    def _as_bytes(self, mark: str) -> bytes:
        """A marker that is text; b"" where it is tokens, which texts cannot spell."""
        atoms = self._turn.marks.atoms(mark)
        return bytes(atoms) if all(atom < CONTROL for atom in atoms) else b""

    def after_text(self) -> Sequence:
        """The rest of a message of text, and what follows it."""
        return (self._text_before, *self._turn.marks.sequence(self._shape.end + self._shape.next), self)

    def sequences(self) -> tuple[Sequence, ...]:
        """Reasoning, text before calls, or a last message."""
        turn = self._turn
        headers = [] if turn.thoughts is None or turn.reasoning == "none" else [turn.thoughts.opens]
        headers += [self._shape.preamble] if turn.callable and turn.answer is None and self._shape.preamble else []
        return (*self._last, *((*turn.marks.sequence(header), *self.after_text()) for header in headers))

    def shortest_way(self) -> Completion:
        """A last message."""
        return min(map(completion_of, self._last), key=length)

    def _last_messages(self) -> list[Sequence]:
        """The messages that a turn may end with."""
        turn, shape, sequence = self._turn, self._shape, self._turn.marks.sequence
        found: list[Sequence] = []
        if turn.choice.least == 0:
            last = sequence(shape.last)
            if turn.answer is None:
                found.append((*sequence(shape.answer), self._text, *last))
            else:
                headers = (shape.answer, *shape.json_answers)
                found += [(*sequence(header), turn.answer.value, *last) for header in headers]
        if turn.callable:
            found += [Calls(turn, form).sequence() for form in turn.forms]
        return found

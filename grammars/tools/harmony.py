"""GPT-OSS: a turn of messages, each with a header that says who it is for.

    <|start|>assistant | <|channel|>analysis<|message|>...<|end|>                             reasoning
    <|start|>assistant   <|channel|>commentary<|message|>...<|end|>                           text before calls
    <|start|>assistant   <|channel|>commentary to=functions.f <|constrain|>json<|message|>{}  a call, <|call|>
    <|start|>assistant   <|channel|>final<|message|>...                                       the answer, <|return|>

The prompt ends at the bar. A turn is any number of the first two, then one of the others: the model
pauses at a call, so there is one per turn.
"""

from constrained.errors import UnsupportedFeature
from constrained.finishing import length
from constrained.grammar import Completion, Node, Sequence
from grammars.tools.calls import Calls
from grammars.tools.free_text import text
from grammars.tools.turns import Turn
from grammars.tools.written import Alternatives, AnyOf, completion_of

ANALYSIS = "<|channel|>analysis<|message|>"
PREAMBLE = "<|channel|>commentary<|message|>"
FINAL = "<|channel|>final<|message|>"
FINAL_JSON = ("<|channel|>final <|constrain|>json<|message|>", "<|channel|>final<|constrain|>json<|message|>")
ANSWERS = frozenset({FINAL, *FINAL_JSON})
HEADERS = (ANALYSIS, PREAMBLE, FINAL, *FINAL_JSON)
END = "<|end|>"
NEXT = "<|start|>assistant"

_TOKENS = ("<|channel|>", "<|message|>", "<|end|>", "<|start|>", "<|constrain|>")


def harmony_turn(turn: Turn) -> Node:
    """The grammar of a turn. Raises UnsupportedFeature for a tokenizer without the format's tokens."""
    for token in _TOKENS:
        if not turn.marks.is_token(token):
            raise UnsupportedFeature(f"format {turn.format.name!r} needs a tokenizer with the token {token}")
    messages = Messages(turn)
    return Alternatives("turn", (messages.after_text(),)) if turn.reasoning == "opened" else messages


class Messages(AnyOf):
    """A message, and those after it."""

    __slots__ = ("_last", "_turn")

    def __init__(self, turn: Turn) -> None:
        super().__init__()
        self._turn = turn
        self._last = _last(turn)

    def after_text(self) -> Sequence:
        """The rest of a message of text, and what follows it."""
        return (text(), *self._turn.marks.sequence(END + NEXT), self)

    def sequences(self) -> tuple[Sequence, ...]:
        """Reasoning, text before calls, or a last message."""
        headers = [ANALYSIS] if self._turn.reasoning != "none" else []
        headers += [PREAMBLE] if self._turn.callable and self._turn.answer is None else []
        return (*self._last, *((*self._turn.marks.sequence(header), *self.after_text()) for header in headers))

    def shortest_way(self) -> Completion:
        """A last message."""
        return min(map(completion_of, self._last), key=length)


def _last(turn: Turn) -> list[Sequence]:
    """The messages that a turn may end with."""
    sequence = turn.marks.sequence
    found: list[Sequence] = []
    if turn.choice.least == 0:
        if turn.answer is None:
            found.append((*sequence(FINAL), text()))
        else:
            found += [(*sequence(header), turn.answer.value) for header in (FINAL, *FINAL_JSON)]
    if turn.callable:
        found += [Calls(turn, form).sequence() for form in turn.forms]
    return found

"""GPT-OSS: a turn of messages, each with a header that says who it is for.

    <|start|>assistant | <|channel|>analysis<|message|>...<|end|>                             reasoning
    <|start|>assistant   <|channel|>commentary<|message|>...<|end|>                           text before calls
    <|start|>assistant   <|channel|>commentary to=functions.f <|constrain|>json<|message|>{}  a call, <|call|>
    <|start|>assistant   <|channel|>final<|message|>...                                       the answer, <|return|>

The prompt ends at the bar. A turn is any number of the first two, then one of the others: the model
pauses at a call, so there is one per turn.
"""

from constrained.errors import UnsupportedFeature
from constrained.grammar import Rule, Sequence
from grammars.tools.calls import Calls
from grammars.tools.free_text import text
from grammars.tools.turns import Turn

ANALYSIS = "<|channel|>analysis<|message|>"
PREAMBLE = "<|channel|>commentary<|message|>"
FINAL = "<|channel|>final<|message|>"
FINAL_JSON = ("<|channel|>final <|constrain|>json<|message|>", "<|channel|>final<|constrain|>json<|message|>")
ANSWERS = frozenset({FINAL, *FINAL_JSON})
HEADERS = (ANALYSIS, PREAMBLE, FINAL, *FINAL_JSON)
END = "<|end|>"
NEXT = "<|start|>assistant"

_TOKENS = ("<|channel|>", "<|message|>", "<|end|>", "<|start|>", "<|constrain|>")


def harmony_turn(turn: Turn) -> Rule:
    """The grammar of a turn. Raises UnsupportedFeature for a tokenizer without the format's tokens."""
    for token in _TOKENS:
        if not turn.marks.is_token(token):
            raise UnsupportedFeature(f"format {turn.format.name!r} needs a tokenizer with the token {token}")
    sequence = turn.marks.sequence
    message = Rule("message")
    go_on: Sequence = (text(), *sequence(END + NEXT), message)
    alternatives = _last(turn)
    if turn.reasoning != "none":
        alternatives.append((*sequence(ANALYSIS), *go_on))
    if turn.callable and turn.answer is None:
        alternatives.append((*sequence(PREAMBLE), *go_on))
    message.alternatives = tuple(alternatives)
    if turn.reasoning == "opened":
        return Rule("turn", (go_on,))
    return message


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

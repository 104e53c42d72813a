"""Where a turn's reasoning is: which section a model writes, and whether the prompt has begun one.

prompt ends with    "...assistant⏎<think>⏎"                  opened
                    "...assistant⏎<think>⏎⏎</think>⏎⏎"       none: it is over (or switched off)
                    "...assistant⏎"                          it is not known: the model may begin one, if it has any
"""

from constrained.vocabulary.vocabulary import Vocabulary
from grammars.tools.formats import ReasoningFormat, ToolFormat
from grammars.tools.markers import marks_of
from grammars.tools.turns import Reasoning

_TAIL = 256  # characters at the end of a prompt that can matter


def reasoning_format(
    family: ToolFormat, vocabulary: Vocabulary, wanted: Reasoning | None
) -> tuple[Reasoning, ReasoningFormat | None]:
    """The state to begin in, and the section's markers; "none" where there are none."""
    thoughts = family.reasoning
    if thoughts is None or wanted == "none":
        return "none", None
    if wanted is None:
        marks = marks_of(vocabulary)
        tokens = all(any(isinstance(piece, int) for piece in marks.pieces(mark)) for mark in _ends(thoughts))
        return ("free", thoughts) if tokens else ("none", None)
    return wanted, thoughts


def reasoning_in(prompt: str, family: ToolFormat) -> Reasoning | None:
    """The state of reasoning at the end of a rendered prompt; None where it says nothing (`compile_tools` decides)."""
    thoughts = family.reasoning
    if thoughts is None:
        return "none"
    tail = prompt[-_TAIL:].rstrip()
    if family.messages:
        return "opened" if tail.endswith(thoughts.opens) else "free"
    if tail.endswith(thoughts.opens.rstrip()):
        return "opened"
    return "none" if tail.endswith((thoughts.closes.rstrip(), *_answer_opened(family))) else None


def _answer_opened(family: ToolFormat) -> tuple[str, ...]:
    """What a prompt ends with that has begun the answer."""
    return (family.answer[0],) if family.answer_first else ()


def _ends(thoughts: ReasoningFormat) -> tuple[str, str]:
    return thoughts.opens, thoughts.closes

"""A model family's tool syntax, as a record. Grammar and framer are both derived from it.

    <tool_call>⏎{"name": "get_weather", "arguments": {"city": "Paris"}}⏎</tool_call>
    |------- literal ----|--- NAME ---|--- literal --|-- ARGUMENTS ---|-- literal --|

    turn     reasoning?  text?  calls?           answers may be wrapped: `answer`
    calls    opens  call (between call)*  closes
    call     literals and slots

A family may write calls in several forms; the model chooses. Which markers are tokens and which are
text is not said here: it depends on the tokenizer (markers.py). tables.py holds the records.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Slot(Enum):
    """What a call fills in."""

    NAME = "the tool's name"
    ARGUMENTS = "its arguments"
    ID = "a call id that the model makes up: 9 letters or digits"
    INDEX = "the number of the call in the conversation, from 0"
    PLACE = "the number of the call in the turn, from 1"


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of several literals; none may be the beginning of another."""

    texts: tuple[str, ...]


Part = str | Slot | OneOf


@dataclass(frozen=True, slots=True)
class Json:
    """{"city": "Paris", "days": 3}"""


Words = tuple[str, str, str]  # null, true, false
JSON_WORDS: Words = ("null", "true", "false")
PYTHON_WORDS: Words = ("None", "True", "False")


@dataclass(frozen=True, slots=True)
class Tags:
    """<parameter=city>⏎Paris⏎</parameter>: strings as they are, other values as JSON.

    json_colon  announces a value written as JSON, and `colon` a string; `{kind}` in it stands for the kind of
                value. Without it, a text that could be either is the JSON value
    quotes      around values that need them: those with one of `quoted` in them
    attributes  keys stand in quotes, where `&` would have to be escaped: such keys are refused
    words       null, true and false in Python, where the family's template writes them so; JSON's are taken too
    """

    opens: str
    colon: str
    closes: str
    json_colon: str | None = None
    quotes: tuple[str, str] | None = None
    quoted: str = ""
    attributes: bool = False
    words: Words = JSON_WORDS


NAMES = r"[^\s\x00-\x1f\"'<>(){}\[\]|=]+"  # what tools may be called, where a family says nothing else
JSON_KINDS = ("null", "boolean", "number", "array", "object")


def json_colon(tags: Tags, kind: str) -> str:
    """What stands between a key and a value of `kind` that is written as JSON."""
    return tags.colon if tags.json_colon is None else tags.json_colon.format(kind=kind)


@dataclass(frozen=True, slots=True)
class Literals:
    """city='Paris', days=3, flag=True (Python), or city:<|"|>Paris<|"|>,days:3 (Gemma).

    quote     around strings; one character means escapes as in Python, a longer one means none
    words     null, true, false
    nested    keys of inner objects are strings (Python) or bare
    """

    colon: str
    comma: str
    quote: str
    words: Words
    nested_colon: str
    nested_quoted: bool
    sorted: bool = False

    @property
    def escapes(self) -> bool:
        """Are strings written with escapes?"""
        return len(self.quote) == 1


@dataclass(frozen=True, slots=True)
class Nested:
    """<cofl:value name="city" type="raw">Paris</cofl:value>: a tag for every value, also inside objects and lists.

    name    around a key; items of lists have none
    kind    says what the value is, with the word for its kind: of a string, a scalar, an array, an object
    """

    opens: str
    name: tuple[str, str]
    kind: str
    closes: str
    words: Mapping[str, str] = field(hash=False)

    def named(self, key: str) -> str:
        """What follows `opens` for the value of `key`."""
        return key.join(self.name)

    def kind_of(self, kind: str) -> str:
        """What announces a value of `kind`, and nothing is written before it but its name."""
        return self.kind.format(word=self.words[kind])


Arguments = Json | Tags | Literals | Nested

PYTHON = Literals("=", ", ", "'", PYTHON_WORDS, ": ", True)
PYTHON_DOUBLE = Literals("=", ", ", '"', PYTHON_WORDS, ": ", True)


@dataclass(frozen=True, slots=True)
class CallForm:
    """One way to write the calls of a turn.

    between    None: the form holds one call
    at_start   calls can only begin a turn (their opening is ordinary text)
    by_name    what opens a call is recognised with the tool's name only: `[get_weather(`
    """

    call: tuple[Part, ...]
    opens: str = ""
    between: str | None = ""
    closes: str = ""
    at_start: bool = False
    by_name: bool = False


@dataclass(frozen=True, slots=True)
class ReasoningFormat:
    """A section of reasoning before the answer."""

    opens: str
    closes: str


@dataclass(frozen=True, slots=True)
class MessageFormat:
    """A turn that is made of messages with headers (messages.py).

    next          stands before a header; prompts end with it
    end           ends a message that others follow
    last          ends the last message, if that is text
    preamble      the header of text before calls
    answer        the header of the answer
    json_answers  more headers for an answer in JSON
    needs         tokens without which the format makes no sense
    """

    next: str
    end: str
    last: str
    preamble: str
    answer: str
    json_answers: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolFormat:
    """How a model family writes tool calls.

    gap        may stand between reasoning (or the prompt) and the first call
    answer     around a text answer
    answer_first  calls come behind the answer, which may be empty; where there is no reasoning, the prompt has
               opened it
    ending     closes every turn
    names      what a tool's name may be in this syntax (a regular expression)
    call_id    how the family names a call in the conversation, where it has a way: by {name} and {index}
    messages   the turn is made of messages; `forms` are those of its calls
    instructions  what a system prompt must say, for models whose template knows no tools; {tools} one a line,
               or {list}
    examples   the conversation begins with examples, for models that were never trained to call
    """

    name: str
    forms: tuple[CallForm, ...]
    arguments: Arguments = Json()
    gap: str = ""
    answer: tuple[str, str] = ("", "")
    reasoning: ReasoningFormat | None = None
    names: str = NAMES
    answer_first: bool = False
    ending: str = ""
    messages: MessageFormat | None = None
    call_id: str = ""
    instructions: str = ""
    examples: bool = False

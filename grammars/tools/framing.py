"""From the text of a turn to events, as it is decided: the other half of a `ToolFormat`.

    feed(b'Sure.<tool')       TextDelta("Sure.")
    feed(b'_call>\n{"name": "get_weather", "arguments": {"ci')
                              CallStarted(0, id, "get_weather"), ArgumentsDelta(0, '{"ci')

The text follows the grammar that was made from the same `Turn`, so nothing here checks it: the framer
only finds the seams. Reasoning and text lose the line breaks next to markers.
"""

import codecs
import secrets
import string
from collections.abc import Callable as Function
from collections.abc import Iterable

from grammars.tools.events import (
    ArgumentsDelta,
    CallFinished,
    CallStarted,
    Event,
    Finished,
    InputDelta,
    ReasoningDelta,
    TextDelta,
)
from grammars.tools.formats import CallForm, Json, Literals, MessageFormat, Nested, OneOf, Part, Slot, Tags
from grammars.tools.inputs import input_of
from grammars.tools.markers import CONTROL, Atoms
from grammars.tools.reader import END, FramingError, Parser, Reader, StreamEndedError
from grammars.tools.transcribe import Emit, LiteralReader, NestedReader, json_value, tag_arguments
from grammars.tools.turns import Callable, Turn

_SPACES = b" \t\r\n"
_BLANK = frozenset(_SPACES)


def new_call_id() -> str:
    """Nine letters and digits, which every family accepts."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(9))


class Framer:
    """Frames one turn. Feed it everything that was decided, in order, then `finish`."""

    def __init__(self, turn: Turn, new_id: Function[[], str] = new_call_id) -> None:
        self._turn = turn
        self._new_id = new_id
        self._marks = turn.marks
        self._reader = Reader()
        self._events: list[Event] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        self._spaces = b""
        self._fresh = True  # nothing but white space since the last marker
        self._calls = 0
        self._over = False
        self.in_reasoning = turn.reasoning == "opened"
        self._parser = self._run()
        next(self._parser)

    # ------------------------------------------------------------------ feeding

    def feed(self, piece: bytes | int) -> list[Event]:
        """What `piece`, bytes of text or the id of a control token, adds. End tokens are ignored."""
        if isinstance(piece, bytes):
            return self._push(piece)
        return self._push((CONTROL + piece,))

    def feed_token(self, token: int) -> list[Event]:
        """As `feed`, for a token of the vocabulary."""
        spelling = self._turn.vocabulary.spellings[token]
        if spelling is not None:
            return self._push(spelling)
        return [] if token in self._turn.vocabulary.eos_token_ids else self._push((CONTROL + token,))

    def finish(self, *, cut: bool = False) -> list[Event]:
        """The end of the turn; `cut`: it was cut off by a limit."""
        if not self._over:
            self._over = True
            self._send(END)
        self._events.append(Finished("length" if cut else "tool_calls" if self._calls else "stop"))
        return self._take()

    def _push(self, atoms: Iterable[int]) -> list[Event]:
        for atom in atoms:
            self._send(atom)
        return self._take()

    def _send(self, atom: int) -> None:
        try:
            self._parser.send(atom)
        except StopIteration:
            self._parser = _nothing_more()
            next(self._parser)

    def _take(self) -> list[Event]:
        events, self._events = self._events, []
        return _merged(events)

    # ------------------------------------------------------------------ the turn

    def _run(self) -> Parser[None]:
        yield from self._start()
        try:
            yield from self._turn_parts()
        except StreamEndedError:
            self._end_text()

    def _start(self) -> Parser[None]:
        """Wait for the first atom, so that `send` always delivers one."""
        self._reader.put_back(((yield),))

    def _turn_parts(self) -> Parser[None]:
        thoughts = self._turn.thoughts
        if self._turn.format.messages is not None:
            yield from self._messages(self._turn.format.messages)
            return
        if thoughts is not None:
            if self._turn.reasoning == "opened":
                yield from self._thinking(self._marks.atoms(thoughts.closes))
            elif (yield from self._peek([self._marks.atoms(thoughts.opens)])):
                yield from self._reader.expect(self._marks.atoms(thoughts.opens))
                yield from self._thinking(self._marks.atoms(thoughts.closes))
        yield from self._body()

    def _thinking(self, closes: Atoms) -> Parser[None]:
        self.in_reasoning = True
        self._begin_text()
        yield from self._reader.until([closes], self._text)
        self._begin_text()
        self.in_reasoning = False

    def _getting(self, read: list[int]) -> Parser[int]:
        try:
            return (yield from self._reader.get())
        except StreamEndedError:
            for atom in read:
                self._text(bytes((atom,)))
            raise

    def _body(self) -> Parser[None]:
        """Text, then calls; or an answer."""
        turn = self._turn
        opens, closes = map(self._marks.atoms, turn.format.answer)
        if turn.format.answer_first:
            yield from self._answer_first(opens, closes)
            return
        if turn.choice.most == 0 or not turn.callable:
            yield from self._answer(opens, closes)
            return
        at_start = [one.atoms for one in turn.openings if one.at_start]
        anywhere = [one.atoms for one in turn.openings if not one.at_start]
        first = yield from self._peek([*at_start, *anywhere])
        if first:
            yield from self._calls_section()
        elif opens:
            yield from self._answer(opens, closes)
        else:
            found = yield from self._reader.until(anywhere, self._text)
            self._reader.put_back(found)
            self._begin_text()
            yield from self._calls_section()

    def _answer(self, opens: Atoms, closes: Atoms) -> Parser[None]:
        if opens and (yield from self._peek([opens])):
            yield from self._reader.expect(opens)
        yield from self._reader.until([closes] if closes else [], self._text)

    def _answer_first(self, opens: Atoms, closes: Atoms) -> Parser[None]:
        """The answer, then calls."""
        if self._turn.reasoning != "none":
            yield from self._reader.expect(opens)
        yield from self._reader.until([closes], self._text)
        self._begin_text()
        ending = self._turn.format.ending
        calls = [self._turn.first_literal(form) for form in self._turn.forms] if self._turn.callable else []
        found = yield from self._reader.choose({text: self._marks.atoms(text) for text in (ending, *calls)})
        if found != ending:
            self._reader.put_back(self._marks.atoms(found))
            yield from self._calls_section()

    def _peek(self, markers: list[Atoms]) -> Parser[bool]:
        """Is one of the markers next, after white space? Then that is dropped; otherwise nothing is."""
        read: list[int] = []
        while True:
            read.append((yield from self._getting(read)))
            rest = tuple(read[next((at for at, atom in enumerate(read) if atom not in _BLANK), len(read)) :])
            if rest in markers:
                self._reader.put_back(rest)
                return True
            if rest and not any(marker[: len(rest)] == rest for marker in markers):
                self._reader.put_back(read)
                return False

    # ------------------------------------------------------------------ messages with headers

    def _messages(self, shape: MessageFormat) -> Parser[None]:
        """Messages, up to calls or the answer."""
        others, last = self._marks.atoms(shape.end + shape.next), self._marks.atoms(shape.last)
        if self._turn.reasoning == "opened":
            yield from self._thinking(others)
        found = others
        while found == others:
            found = yield from self._message(shape, [mark for mark in (others, last) if mark])

    def _message(self, shape: MessageFormat, ends: list[Atoms]) -> Parser[Atoms]:
        """One message, or calls; how it ended."""
        thoughts, calls = self._turn.thoughts, [self._turn.first_literal(form) for form in self._turn.forms]
        headers = [shape.preamble, shape.answer, *shape.json_answers, *(calls if self._turn.callable else ())]
        headers += [] if thoughts is None else [thoughts.opens]
        header = yield from self._reader.choose({text: self._marks.atoms(text) for text in headers})
        if thoughts is not None and header == thoughts.opens:
            yield from self._thinking(ends[0])
            return ends[0]
        if header in calls:
            self._reader.put_back(self._marks.atoms(header))
            yield from self._calls_section()
        return (yield from self._reader.until(ends, self._text))

    # ------------------------------------------------------------------ calls

    def _calls_section(self) -> Parser[None]:
        turn, marks = self._turn, self._marks
        starts = {form: marks.atoms(turn.first_literal(form)) for form in turn.forms}
        form = yield from self._reader.choose(starts)
        while True:
            yield from self._call(form)
            start = form.call[0] if isinstance(form.call[0], str) else ""
            options = {True: marks.atoms((form.between or "") + start), False: marks.atoms(form.closes)}
            options = {more: atoms for more, atoms in options.items() if atoms}
            if form.between is None or turn.choice.most == 1:
                options.pop(True, None)
            if not options or not (yield from self._reader.choose(options)):
                break
        if turn.format.ending:
            yield from self._reader.expect(marks.atoms(turn.format.ending))
        yield from self._reader.until([], self._text)

    def _call(self, form: CallForm) -> Parser[None]:
        """A call, from its first slot on."""
        first = 1 if isinstance(form.call[0], str) else 0
        index, self._calls = self._calls, self._calls + 1
        name, call_id, announced = "", "", False
        parts = form.call[first:]
        for place, part in enumerate(parts):
            after = parts[place + 1 :] or (form.closes,)
            if isinstance(part, str | OneOf):
                yield from self._reader.choose(dict(enumerate(self._atoms_of(part))))
            elif part is Slot.NAME:
                name = yield from self._slot(after)
            elif part is Slot.ID and not announced:
                call_id = yield from self._slot(after)
            elif part in (Slot.ID, Slot.INDEX, Slot.PLACE):
                yield from self._slot(after)
            else:
                number = self._turn.first_index + index
                call_id = call_id or self._turn.format.call_id.format(name=name, index=number) or self._new_id()
                tool = self._tool(name)
                self._events.append(CallStarted(index, call_id, name, tool.kind))
                announced = True
                yield from self._arguments(index, tool, self._atoms_of(after[0])[0])
                self._events.append(CallFinished(index))

    def _slot(self, after: tuple[Part, ...]) -> Parser[str]:
        """A slot's text, up to what follows it: where that is tags, up to the first or what comes after them."""
        text = bytearray()
        stops = self._atoms_of(after[0])
        if isinstance(self._turn.format.arguments, Tags) and after[0] is Slot.ARGUMENTS:
            stops = [*self._atoms_of(self._turn.format.arguments.opens), *self._atoms_of(after[1])]
        found = yield from self._reader.until(stops, text.extend)
        self._reader.put_back(found)
        return text.decode()

    def _atoms_of(self, part: object) -> list[Atoms]:
        """The ways a literal part may be written."""
        texts = part.texts if isinstance(part, OneOf) else (str(part),)
        return [self._marks.atoms(text) for text in texts]

    def _tool(self, name: str) -> Callable:
        tool = next((one for one in self._turn.callable if one.tool.name == name), None)
        if tool is None:
            raise FramingError(f"a call of {name!r}, which is none of the tools")
        return tool

    def _emitting(self, index: int, tool: Callable) -> Emit:
        """Takes the arguments as JSON, and makes events of them."""
        decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        delta = ArgumentsDelta if tool.kind == "function" else InputDelta

        def emit(text: bytes) -> None:
            decoded = decoder.decode(text)
            if decoded:
                self._events.append(delta(index, decoded))

        return emit if tool.kind == "function" else input_of(emit)

    def _arguments(self, index: int, tool: Callable, after: Atoms) -> Parser[None]:
        emit = self._emitting(index, tool)
        match self._turn.format.arguments:
            case Json():
                yield from json_value(self._reader, emit)
            case Tags() as tags:
                yield from tag_arguments(self._reader, emit, tags, self._marks, tool.kinds, after)
            case Nested() as nested:
                yield from NestedReader(self._reader, emit, nested, self._marks).members(after)
            case Literals() as literals:
                quote = self._marks.atoms(literals.quote)
                yield from LiteralReader(self._reader, emit, literals, quote).arguments(after[0])

    # ------------------------------------------------------------------ text

    def _begin_text(self) -> None:
        """A marker was here: white space before and line breaks after it are not text."""
        self._spaces, self._fresh = b"", True
        self._decoder.reset()

    def _text(self, read: bytes) -> None:
        if self._fresh and (self.in_reasoning or not self._turn.is_exact):
            read = read.lstrip(b"\n")
            if not read:
                return
            self._fresh = False
        read = self._spaces + read
        kept = read.rstrip(_SPACES)
        self._spaces = read[len(kept) :]
        self._emit_text(kept)

    def _end_text(self) -> None:
        self._emit_text(self._spaces)
        self._spaces = b""

    def _emit_text(self, read: bytes) -> None:
        decoded = self._decoder.decode(read)
        if decoded:
            self._events.append(ReasoningDelta(decoded) if self.in_reasoning else TextDelta(decoded))


def _nothing_more() -> Parser[None]:
    while True:
        yield


def _merged(events: list[Event]) -> list[Event]:
    """Neighbouring deltas of the same kind as one."""
    found: list[Event] = []
    for event in events:
        match found[-1] if found else None, event:
            case TextDelta(a), TextDelta(b):
                found[-1] = TextDelta(a + b)
            case ReasoningDelta(a), ReasoningDelta(b):
                found[-1] = ReasoningDelta(a + b)
            case ArgumentsDelta(index, a), ArgumentsDelta(other, b) if index == other:
                found[-1] = ArgumentsDelta(index, a + b)
            case InputDelta(index, a), InputDelta(other, b) if index == other:
                found[-1] = InputDelta(index, a + b)
            case _:
                found.append(event)
    return found

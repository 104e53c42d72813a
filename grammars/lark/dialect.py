"""What users write in Lark grammars for language models, beyond Lark: taken out before Lark reads.

    start: <|think|> text %json {"type": "object"}      a control token; a JSON Schema
    text[stop="\\n"]: /.*/                               attributes of a rule

    start: EXTENSION_0 text EXTENSION_1                  what Lark sees: declared terminals,
    EXTENSION_2: /.*/                                    and a terminal for the body of the rule
    %declare EXTENSION_0 EXTENSION_1
    text: EXTENSION_2

The syntax is that of llguidance. Strings, regular expressions and comments are left alone. `Places`
translates positions in the new text back to what the user wrote.
"""

import json
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

from constrained.errors import GrammarError, InvalidGrammar, UnsupportedFeature

_SKIP = r'(?P<skip>"(?:\\"|\\\\|[^"\n])*?"i?|/(?!/)(?:\\/|\\\\|[^/\n])*?/[imslux]*|//[^\n]*|\#[^\n]*)'
_CONTROL = r"(?P<control><\|[^|<>\s]+\|>|<\[[^\]\n]*\]>|<[A-Za-z_/][^<>\s]*>)"
_INLINE = r"%(?P<inline>json|regex|lark|llguidance)\b[ \t]*"
_ATTRIBUTES = r"^[ \t]*(?P<head>[?!]*(?P<rule>_?[a-z][_a-z0-9]*)(?:\.-?[0-9]+)?)\[(?P<attributes>[^\n]*?)\](?=[ \t]*:)"
_NESTED = r"(?P<nested>(?<![\w@])@[\w-]+)"
_TOKEN = re.compile("|".join((_ATTRIBUTES, _SKIP, _CONTROL, _INLINE, _NESTED)), re.MULTILINE)
_PAIR = re.compile(
    r"""\s*(?P<key>[a-z_]+)(?:\s*=\s*(?P<value>"(?:\\.|[^"\\])*"|/(?:\\.|[^/\\])*/[imslux]*|[^,\s"/]+))?\s*(?:,|$)"""
)
_REFUSED_ATTRIBUTES = {
    "temperature": "sampling is chosen by the request",
    "stop_capture": "nothing is captured",
}


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """`%json {...}`."""

    schema: Any


@dataclass(frozen=True, slots=True)
class Substring:
    """`%regex {"substring_...": ...}`: any run of consecutive `pieces`, none included."""

    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ControlTokens:
    """`<|name|>`, or `<[1,5-9]>`: one of the tokens with these names or ids."""

    name: str = ""
    ids: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """How a rule with attributes ends.

    lazy: as soon as it may. `stop`, with flags: at the first text of this regular expression, which is
    generated too. `most`: in so many tokens at most; 0 for any number.
    """

    lazy: bool = False
    stop: str = ""
    most: int = 0


Extension = JsonSchema | Substring | ControlTokens


@dataclass(frozen=True, slots=True)
class Places:
    """Offsets in the text given to Lark, back to the user's."""

    user: str
    given: str
    new: list[int]
    old: list[int]

    def of(self, line: int, column: int) -> str:
        """`line 3, column 7` of the user's text, for a place in the given one."""
        lines = self.given.splitlines(keepends=True)
        return self.at(self._user_offset(sum(map(len, lines[: line - 1])) + column - 1))

    def at(self, offset: int) -> str:
        """As `of`, for an offset into the user's text."""
        offset = min(offset, len(self.user))
        line, before = self.user.count("\n", 0, offset) + 1, self.user.rfind("\n", 0, offset)
        return f"line {line}, column {offset - before}"

    def _user_offset(self, offset: int) -> int:
        piece = bisect_right(self.new, offset) - 1
        return self.old[piece] + offset - self.new[piece]

    def find(self, pattern: str) -> str:
        """The place where `pattern`, or its group `here`, first occurs; empty if nowhere."""
        found = re.search(pattern, self.user, re.MULTILINE)
        return self.at(found.start("here" if "here" in found.groupdict() else 0)) if found else ""


@dataclass(slots=True)
class Dialect:
    """A grammar as Lark can read it, and what was taken out of it."""

    text: str
    places: Places
    extensions: dict[str, Extension] = field(default_factory=dict[str, Extension])
    endings: dict[str, Ending] = field(default_factory=dict[str, Ending])  # by terminal
    sites: dict[str, int] = field(default_factory=dict[str, int])  # offsets of the above in the user's text

    def define(self, name: str, written: str) -> None:
        """Let terminal `name`, which the text declares, stand for control tokens. Raises InvalidGrammar."""
        tokens = control_tokens(written)
        declaration = re.search(
            rf"^[ \t]*%declare\b[^\n]*?(?<=\s)({re.escape(name)})\b", self.places.user, re.MULTILINE
        )
        if tokens is None:
            raise InvalidGrammar(f"terminal {name}: {written!r} is not how control tokens are written: <|name|>, <[7]>")
        if declaration is None:
            raise InvalidGrammar(f"terminal {name} is not declared in the grammar", hint=f"write %declare {name}")
        self.extensions[name] = tokens
        self.sites[name] = declaration.start(1)

    def in_the_users_words(self, message: str) -> str:
        """`message` about the text given to Lark, with what the user wrote in the place of our names."""
        for name, offset in self.sites.items():
            written = re.match(r"\s*([^\s:,|)]+)", self.places.user[offset:])
            message = re.sub(rf"\b{name}\b", written[1] if written else name, message)
        return message


def control_tokens(written: str) -> ControlTokens | None:
    """What `<|name|>`, `<name>` or `<[7,9-12]>` stands for; None for anything else."""
    if not re.fullmatch(_CONTROL, written):
        return None
    if not written.startswith("<["):
        return ControlTokens(name=written)
    ids: list[tuple[int, int]] = []
    for part in written[2:-2].split(","):
        low, dash, high = (piece.strip() for piece in part.partition("-"))
        if not (low.isdecimal() and (high.isdecimal() or not dash)):
            return None
        ids.append((int(low), int(high or low)))
    return ControlTokens(ids=tuple(ids))


def read_dialect(text: str) -> Dialect:
    """Take the extensions out of `text`. Raises InvalidGrammar, UnsupportedFeature, with line and column."""
    return _Reader(text).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._prefix = "EXTENSION"
        while f"{self._prefix}_" in text:
            self._prefix += "_X"
        self._out: list[str] = []
        self._size = 0
        self._places = Places(text, "", [0], [0])
        self._extensions: dict[str, Extension] = {}
        self._endings: dict[str, Ending] = {}
        self._sites: dict[str, int] = {}
        self._tail: list[str] = []

    def read(self) -> Dialect:
        at = 0
        while (found := _TOKEN.search(self._text, at)) is not None:
            if found["skip"] is not None:
                self._copy(at, found.end())
                at = found.end()
                continue
            self._copy(at, found.start())
            at = self._replace(found)
            self._places.new.append(self._size)
            self._places.old.append(at)
        self._copy(at, len(self._text))
        if self._extensions:
            self._tail.insert(0, f"%declare {' '.join(self._extensions)}")
        given = "".join(self._out) + "".join(f"\n{line}" for line in self._tail)
        places = Places(self._text, given, self._places.new, self._places.old)
        return Dialect(given, places, self._extensions, self._endings, self._sites)

    def _copy(self, start: int, end: int) -> None:
        self._write(self._text[start:end])

    def _write(self, text: str) -> None:
        self._out.append(text)
        self._size += len(text)

    def _name(self) -> str:
        return f"{self._prefix}_{len(self._extensions) + len(self._endings)}"

    def _replace(self, found: re.Match[str]) -> int:
        """Write what stands for an extension; returns where it ended in the user's text."""
        if found["nested"]:
            raise self._unsupported(f"the reference {found['nested']} to another grammar", found.start())
        if found["control"]:
            self._extend(self._control(found["control"], found.start()), found.start())
            return found.end()
        if found["attributes"] is not None:
            self._attributes(found)
            return found.end()
        return self._inline(found)

    def _extend(self, extension: Extension, start: int) -> None:
        name = next((known for known, other in self._extensions.items() if other == extension), self._name())
        self._extensions[name] = extension
        self._sites.setdefault(name, start)
        self._write(name)

    # ------------------------------------------------------------ %json, %regex

    def _inline(self, found: re.Match[str]) -> int:
        kind, start = found["inline"], found.start()
        if kind == "lark":
            raise self._unsupported("%lark inside a grammar", start)
        try:
            value, end = json.JSONDecoder().raw_decode(self._text, found.end())
        except ValueError as error:
            raise InvalidGrammar(f"%{kind} needs a JSON value: {error}", where=self._places.at(start)) from error
        if kind == "json":
            self._extend(JsonSchema(value), start)
        elif kind == "regex":
            self._extend(self._substring(value, start), start)
        elif value != {}:
            raise self._unsupported(f"%llguidance with {', '.join(map(repr, value))}", start)
        return end

    def _substring(self, value: Any, start: int) -> Substring:
        match value:
            case {"substring_chars": str(text), **rest} if not rest:
                return Substring(tuple(text))
            case {"substring_words": str(text), **rest} if not rest:
                return Substring(tuple(re.findall(r"\s+|\w+|[^\w\s]+", text)))
            case {"substring_chunks": [*chunks], **rest} if not rest and all(isinstance(c, str) for c in chunks):
                return Substring(tuple(map(str, chunks)))
            case _:
                raise self._unsupported(f"%regex {json.dumps(value)[:80]}", start)

    # ------------------------------------------------------------ control tokens

    def _control(self, written: str, start: int) -> ControlTokens:
        tokens = control_tokens(written)
        if tokens is None:
            raise self._unsupported(f"the token set {written}", start)
        return tokens

    # ------------------------------------------------------------ attributes

    def _attributes(self, found: re.Match[str]) -> None:
        lazy, stop, most, at = False, "", 0, 0
        text, start = found["attributes"], found.start("attributes")
        while at < len(text):
            pair = _PAIR.match(text, at)
            if pair is None:
                raise InvalidGrammar("malformed rule attributes", where=self._places.at(start + at))
            key, value, at = pair["key"], pair["value"], pair.end()
            if key == "lazy":
                lazy = True
            elif key in ("stop", "suffix") and value is not None and value[0] in '"/':
                stop = _as_regex(value)
            elif key == "max_tokens":
                most = int(value) if value is not None and value.isdecimal() else 0
                if not most:
                    raise InvalidGrammar("max_tokens needs a number from 1 up", where=self._places.at(start))
            elif key in ("stop", "suffix"):
                raise InvalidGrammar(f"{key} needs a string or a regular expression", where=self._places.at(start))
            elif key != "capture":  # recognising captures nothing
                why = _REFUSED_ATTRIBUTES.get(key, "")
                raise self._unsupported(f"the rule attribute {key!r}", start + pair.start("key"), why)
        if not lazy and not stop and not most:
            self._write(found["head"])
            return
        terminal = self._name()
        self._endings[terminal] = Ending(lazy, stop, most)
        self._sites[terminal] = found.start()
        self._tail.append(f"{found['head']}: {terminal}")
        self._write(terminal)

    def _unsupported(self, what: str, offset: int, hint: str = "") -> GrammarError:
        return UnsupportedFeature(f"{what} is not supported", where=self._places.at(offset), hint=hint)


def _as_regex(value: str) -> str:
    if value[0] == '"':
        return re.escape(json.loads(value))
    body, _, flags = value[1:].rpartition("/")
    return f"(?{flags}:{body})" if flags else body

"""Reading single characters and sets of them out of an ECMA-262 pattern: escapes and classes.

`Characters` is the lower half of the parser: a cursor over the text, its errors, and everything that
stands for one character. `ecma_parse` puts the characters together.
"""

import re
from dataclasses import dataclass

from constrained.automata.code_points import NONE, Ranges, complement, ranges
from constrained.automata.ecma_classes import SHORTHAND, WORD, fold, unicode_property
from constrained.automata.pattern_ast import One
from constrained.errors import GrammarError, InvalidGrammar, UnsupportedFeature

_CONTROL = {"f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_POSIX = re.compile(r"\[:\^?(?:alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit):\]")
_HINTS = {
    "a": "write \\x07",
    "e": "write \\x1b",
    "h": "write [ \\t]",
    "R": "write (?:\\r\\n|\\n|\\r)",
    "Q": "escape the characters one by one",
    "U": "write \\u{...}",
    "N": "write [^\\n]",
}


@dataclass
class Characters:
    """A cursor over a pattern: `text`, the flags in force, and the offset `at`."""

    text: str
    flags: frozenset[str]
    at: int = 0
    odd_class: int | None = None  # offset of a [] or [^], which other dialects read as the start of a class

    # ------------------------------------------------------------ errors and the cursor

    def _say(self, message: str, offset: int | None) -> str:
        shown = self.text if len(self.text) <= 80 else f"{self.text[:77]}..."
        return f"{message} at offset {self.at if offset is None else offset} of the pattern {shown!r}"

    def _wrong(self, message: str, offset: int | None = None, hint: str = "") -> GrammarError:
        return InvalidGrammar(self._say(message, offset), hint=hint)

    def _unsupported(self, what: str, offset: int | None = None, hint: str = "") -> GrammarError:
        return UnsupportedFeature(self._say(f"{what} is not supported", offset), hint=hint)

    def _peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def _skip(self, expected: str) -> bool:
        found = self.text.startswith(expected, self.at)
        if found:
            self.at += len(expected)
        return found

    def _until(self, end: str, what: str) -> str:
        stop = self.text.find(end, self.at)
        if stop < 0:
            raise self._wrong(f"unterminated {what}")
        inside, self.at = self.text[self.at : stop], stop + len(end)
        return inside

    # ------------------------------------------------------------ escapes

    def _folded(self, points: Ranges) -> Ranges:
        return fold(points) if "i" in self.flags else points

    def _code(self, code: int) -> One:
        points = NONE if 0xD800 <= code < 0xE000 else ((code, code),)
        return One(self._folded(points))

    def _class_escape(self) -> Ranges | int:
        """An escape that is a set, or one code point (perhaps a lone surrogate)."""
        start, letter = self.at - 1, self._peek()
        self.at += 1
        if letter in SHORTHAND and letter:
            return self._shorthand(letter)
        if letter in _CONTROL:
            return ord(_CONTROL[letter])
        match letter:
            case "":
                raise self._wrong("a pattern that ends in a backslash", start)
            case "p" | "P":
                return self._property(letter == "P", start)
            case "u":
                return self._unicode_escape(start)
            case "x":
                return self._hexadecimal(2, start)
            case "c" if self._peek().isascii() and self._peek().isalpha():
                self.at += 1
                return ord(self.text[self.at - 1]) % 32
            case "0" if not self._peek().isdecimal():
                return 0
            case _ if letter.isascii() and letter.isalnum():
                raise self._wrong(f"unknown escape \\{letter}", start, hint=_HINTS.get(letter, ""))
            case _:
                return ord(letter)

    def _shorthand(self, letter: str) -> Ranges:
        if letter in "wW" and "i" in self.flags:
            return fold(WORD) if letter == "w" else complement(fold(WORD))
        return SHORTHAND[letter]

    def _property(self, negated: bool, start: int) -> Ranges:
        if not self._skip("{"):
            raise self._wrong("\\p without a name", start, hint="write \\p{L}")
        name = self._until("}", "property name")
        points = unicode_property(name)
        if points is None:
            script = name.isalpha() and unicode_property(f"Script={name}") is not None
            hint = f"scripts are written \\p{{Script={name}}}" if script else ""
            raise self._wrong(f"unknown Unicode property {name!r}", start, hint=hint)
        return self._folded(complement(points) if negated else points)

    def _unicode_escape(self, start: int) -> int:
        if self._skip("{"):
            digits = self._until("}", "\\u{...}")
            if not _is_hexadecimal(digits) or int(digits[-8:], 16) > 0x10FFFF or len(digits.lstrip("0")) > 6:
                raise self._wrong("an invalid \\u{...}", start)
            return int(digits, 16)
        code = self._hexadecimal(4, start)
        if 0xD800 <= code < 0xDC00 and self.text.startswith("\\u", self.at):
            low = self.text[self.at + 2 : self.at + 6]
            if len(low) == 4 and _is_hexadecimal(low) and 0xDC00 <= int(low, 16) < 0xE000:
                self.at += 6
                return 0x10000 + ((code - 0xD800) << 10) + int(low, 16) - 0xDC00
        return code

    def _hexadecimal(self, width: int, start: int) -> int:
        digits = self.text[self.at : self.at + width]
        if len(digits) < width or not _is_hexadecimal(digits):
            kind = "\\x" if width == 2 else "\\u"
            raise self._wrong(f"{kind} needs {width} hexadecimal digits", start)
        self.at += width
        return int(digits, 16)

    # ------------------------------------------------------------ classes

    def _class(self) -> One:
        """A class; the cursor is after its `[`."""
        start = self.at - 1
        negated = self._skip("^")
        if self._peek() == "]":
            self.odd_class = start
        found: list[tuple[int, int]] = []
        while not self._skip("]"):
            if self.at >= len(self.text):
                raise self._wrong("unterminated class", start)
            self._refuse_posix()
            here = self.at
            low = self._class_atom()
            high = self._range_end() if isinstance(low, int) else None
            if isinstance(low, tuple):
                found.extend(low)
            elif high is None:
                found.append((low, low))
            elif high < low:
                raise self._wrong("a range out of order", here)
            else:
                found.append((low, high))
        points = self._folded(ranges(found))
        return One(complement(points) if negated else points)

    def _class_atom(self) -> Ranges | int:
        character = self._peek()
        self.at += 1
        if character != "\\":
            return ord(character)
        if self._peek() == "b":
            self.at += 1
            return 0x08
        if self._peek() == "B":
            raise self._wrong("\\B in a class", self.at - 1)
        return self._class_escape()

    def _range_end(self) -> int | None:
        """The last character of a range if one is written here; a `-` before a set or `]` is literal."""
        before = self.at
        if not self._skip("-") or self._peek() in ("]", ""):
            self.at = before
            return None
        high = self._class_atom()
        if isinstance(high, tuple):
            self.at = before
            return None
        return high

    def _refuse_posix(self) -> None:
        found = _POSIX.match(self.text, self.at)
        if found:
            raise self._wrong(f"{found[0]} is no character class in ECMA-262", hint="write the ranges out")


def _is_hexadecimal(digits: str) -> bool:
    return bool(digits) and all(digit in "0123456789abcdefABCDEF" for digit in digits)

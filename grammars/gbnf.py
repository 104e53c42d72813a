r"""GBNF, the grammars of llama.cpp.

    root  ::= "{" ws pair ("," ws pair)* "}"
    pair  ::= [a-z_]+ ":" ws ( [0-9]{1,5} | root )     # recursion of any kind is fine
    ws    ::= [ \t\n]*

A rule ends at the end of its line, except within parentheses and around `|`. Escapes in literals and
classes: `\n \r \t \\ \" \[ \] \xHH \uHHHH \UHHHHHHHH`. `.` is any character. `<[7]>` and `<name>` are
tokens, matched by id; "any token but" (`!<...>`) is refused.
"""

import hashlib
import re

from constrained.automata.code_points import ANY, complement, ranges
from constrained.errors import InvalidGrammar, LimitExceeded, UnsupportedFeature
from constrained.grammar import Control
from constrained.matcher import CompiledGrammar
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.expressions import Characters, Cursor, Either, Expression, Name, Rules, Then, Times, Tokens, text

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_HEAD = re.compile(r"[A-Za-z0-9_-]+[ \t]*::=")
_BOUNDS = re.compile(r"\{\s*(\d+)?\s*(,)?\s*(\d+)?\s*\}")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_HEXADECIMAL = {"x": 2, "u": 4, "U": 8}
_REPEATS = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def compile_gbnf(grammar: str, vocabulary: Vocabulary, *, start: str = "root") -> CompiledGrammar:
    """The grammar of the texts that a GBNF grammar allows from rule `start`.

    Raises InvalidGrammar, UnsupportedFeature, Unsatisfiable or LimitExceeded; with line and column where
    they are known.
    """
    try:
        rules = _Reader(grammar, vocabulary).rules()
    except RecursionError as error:
        raise LimitExceeded("the grammar is nested too deeply") from error
    node = rules.node(start, vocabulary)
    parts = ("gbnf", grammar, start, vocabulary.fingerprint)
    return CompiledGrammar(node, vocabulary, hashlib.sha256("\0".join(parts).encode()).hexdigest())


class _Reader(Cursor):
    def __init__(self, grammar: str, vocabulary: Vocabulary) -> None:
        super().__init__(grammar)
        self._vocabulary = vocabulary

    def rules(self) -> Rules:
        found: dict[str, Expression] = {}
        offsets: dict[str, int] = {}
        self._blank(lines=True)
        while self.next:
            head = self.at
            name = self._name()
            self._blank(lines=True)
            if not self.skip("::="):
                raise self.wrong("expected ::=")
            self._blank(lines=True)
            if name in found:
                raise self.wrong(f"rule {name!r} is defined twice", head)
            found[name], offsets[name] = self._alternatives(nested=False), head
            if self.next and self.next not in "\r\n":
                raise self.wrong(f"unexpected {self.next!r}")
            self._blank(lines=True)
        return Rules(found, self.source, offsets)

    def _blank(self, *, lines: bool) -> None:
        """Skip spaces, comments, and line ends where they mean nothing."""
        while self.next and (self.next in " \t#" or (lines and self.next in "\r\n")):
            if self.next == "#":
                while self.next and self.next not in "\r\n":
                    self.at += 1
            else:
                self.at += 1

    def _name(self) -> str:
        found = _NAME.match(self.source, self.at)
        if found is None:
            raise self.wrong("expected the name of a rule")
        self.at = found.end()
        return found[0]

    def _alternatives(self, *, nested: bool) -> Expression:
        options = [self._sequence(nested)]
        while self._bar(nested):
            self._blank(lines=True)
            options.append(self._sequence(nested))
        return options[0] if len(options) == 1 else Either(tuple(options))

    def _bar(self, nested: bool) -> bool:
        """Skip a `|`, at the beginning of the next line, too."""
        before = self.at
        self._blank(lines=True)
        if self.skip("|"):
            return True
        self.at = self.at if nested else before
        return False

    def _sequence(self, nested: bool) -> Expression:
        parts: list[Expression] = []
        while self.next and self.next not in "|)\r\n" and not (nested and _HEAD.match(self.source, self.at)):
            parts.append(self._repeated(self._atom()))
            self._blank(lines=nested)
        return Then(tuple(parts))

    def _repeated(self, body: Expression) -> Expression:
        while self.next:
            if self.next in _REPEATS:
                body = Times(body, *_REPEATS[self.next])
                self.at += 1
                continue
            found = _BOUNDS.match(self.source, self.at)
            if found is None:
                break
            body = Times(body, *self._bounds(found))
            self.at = found.end()
        return body

    def _bounds(self, found: "re.Match[str]") -> tuple[int, int | None]:
        low, comma, high = found.groups()
        if low is None and high is None:
            raise self.wrong("a repeat without numbers")
        least = int(low or 0)
        most = least if not comma else None if high is None else int(high)
        if most is not None and most < least:
            raise self.wrong("numbers out of order in a repeat")
        return least, most

    def _atom(self) -> Expression:
        start = self.at
        if self.skip('"'):
            return self._literal(start)
        if self.skip("["):
            return self._class(start)
        if self.skip("."):
            return Characters(ANY)
        if self.skip("("):
            self._blank(lines=True)
            inside = self._alternatives(nested=True)
            if not self.skip(")"):
                raise self.wrong("this ( is not closed", start)
            return inside
        if self.next == "!":
            raise UnsupportedFeature("any token but some is not supported", where=self.place())
        if self.skip("<"):
            return self._token(start)
        return Name(self._name(), start)

    def _literal(self, start: int) -> Expression:
        letters: list[str] = []
        while not self.skip('"'):
            if self.next in ("", "\n"):
                raise self.wrong('this " is not closed', start)
            letters.append(chr(self._character()))
        return text("".join(letters))

    def _class(self, start: int) -> Expression:
        negated = self.skip("^")
        found: list[tuple[int, int]] = []
        while not self.skip("]"):
            if not self.next:
                raise self.wrong("this [ is not closed", start)
            low = high = self._character()
            if self.next == "-" and self.source[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self._character()
                if high < low:
                    raise self.wrong("a range out of order")
            found.append((low, high))
        points = ranges(found)
        return Characters(complement(points) if negated else points)

    def _character(self) -> int:
        letter, start = self.next, self.at
        self.at += 1
        if letter != "\\":
            return ord(letter)
        letter = self.next
        self.at += 1
        if letter in _HEXADECIMAL and letter:
            digits = self.source[self.at : self.at + _HEXADECIMAL[letter]]
            self.at += len(digits)
            if len(digits) < _HEXADECIMAL[letter] or not re.fullmatch("[0-9A-Fa-f]+", digits):
                raise self.wrong(f"\\{letter} needs {_HEXADECIMAL[letter]} hexadecimal digits", start)
            if int(digits, 16) > 0x10FFFF:
                raise self.wrong("not a character", start)
            return int(digits, 16)
        if letter not in _ESCAPES and letter not in ('"', "\\", "[", "]", "-", "^"):
            raise self.wrong(f"unknown escape \\{letter}", start)
        return ord(_ESCAPES.get(letter, letter))

    def _token(self, start: int) -> Expression:
        name = self.until(">", "token")
        if re.fullmatch(r"\[\d+\]", name):
            token = int(name[1:-1])
            if token >= self._vocabulary.size or self._vocabulary.spellings[token] is not None:
                raise InvalidGrammar(f"token {token} is no control token of the vocabulary", where=self.place(start))
        else:
            token = self._vocabulary.control.get(f"<{name}>", -1)
            if token < 0:
                raise InvalidGrammar(f"the vocabulary has no control token <{name}>", where=self.place(start))
        return Tokens(Control(frozenset({token}), f"<{name}>"))

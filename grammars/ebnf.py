r"""EBNF, in the notation of the W3C (as in the XML specification) or of ISO 14977.

    W3C   pair ::= name ':' (number | [#x30-#x39]+)?       /* a - b, x?, x*, x+, [^a-z], #x41 */
    ISO   pair = name, ":", [ number | { digit } ];        (* a - b, 3 * x, { x }, [ x ] *)

The first definition says which one it is: `::=` or `=`. In both, `a - b` is a text of `a` that is none of
`b`, for regular a and b.
"""

import hashlib
import re
from typing import Literal

from constrained.automata.code_points import complement, ranges, union
from constrained.errors import LimitExceeded, UnsupportedFeature
from constrained.matcher import CompiledGrammar
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.expressions import Characters, Cursor, Either, Expression, Name, Rules, Then, Times, Without, text

Notation = Literal["w3c", "iso"]

_W3C_NAME = re.compile(r"[A-Za-z_][\w.-]*")
_ISO_NAME = re.compile(r"[A-Za-z]\w*(?:[ \t]+\w+)*")
_W3C_HEAD = re.compile(r"\s*(?:\[\w+\]\s*)?[A-Za-z_][\w.-]*\s*::=")
_CODE = re.compile(r"#x([0-9A-Fa-f]{1,6})")
_REPEATS = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def compile_ebnf(
    grammar: str, vocabulary: Vocabulary, *, start: str | None = None, notation: Notation | None = None
) -> CompiledGrammar:
    """The grammar of the texts of rule `start`, by default the first one.

    Raises InvalidGrammar, UnsupportedFeature, Unsatisfiable or LimitExceeded; with line and column where
    they are known.
    """
    w3c = (
        bool(_W3C_HEAD.match(re.sub(r"/\*.*?\*/", "", grammar, flags=re.DOTALL)))
        if notation is None
        else notation == "w3c"
    )
    reader = _W3cReader(grammar) if w3c else _IsoReader(grammar)
    try:
        rules = reader.rules()
    except RecursionError as error:
        raise LimitExceeded("the grammar is nested too deeply") from error
    first = start or next(iter(rules.items()), "")
    node = rules.node(first, vocabulary)
    parts = ("ebnf", grammar, first, vocabulary.fingerprint)
    return CompiledGrammar(node, vocabulary, hashlib.sha256("\0".join(parts).encode()).hexdigest())


class _Reader(Cursor):
    """What both notations share: alternatives, sequences, exceptions."""

    comment = ("/*", "*/")

    def blank(self) -> None:
        """Skip white space and comments."""
        while True:
            if self.next and self.next.isspace():
                self.at += 1
            elif self.skip(self.comment[0]):
                self.until(self.comment[1], "comment")
            else:
                return

    def token(self, expected: str) -> bool:
        """Skip blanks, then `expected` if it is there."""
        self.blank()
        return self.skip(expected)

    def alternatives(self) -> Expression:
        """Sequences with bars between them."""
        options = [self.sequence()]
        while self.token("|"):
            options.append(self.sequence())
        return options[0] if len(options) == 1 else Either(tuple(options))

    def sequence(self) -> Expression:
        """What stands between two bars."""
        raise NotImplementedError

    def without(self, body: Expression, other: Expression, offset: int) -> Expression:
        """`body - other`: at once for single characters, later for all else."""
        one, but = _single(body), _single(other)
        if one is not None and but is not None:
            return Characters(complement(union(complement(one.points), but.points)))
        return Without(body, other, offset)

    def enclosed(self, closing: str, start: int) -> Expression:
        """Alternatives up to `closing`; the opening bracket stands at `start`."""
        inside = self.alternatives()
        if not self.token(closing):
            raise self.wrong(f"this {self.source[start]} is not closed", start)
        return inside


def _single(expression: Expression) -> Characters | None:
    """The one character that an expression is, whatever wraps it."""
    while isinstance(expression, Then) and len(expression.parts) == 1:
        expression = expression.parts[0]
    return expression if isinstance(expression, Characters) else None


class _W3cReader(_Reader):
    def rules(self) -> Rules:
        found: dict[str, Expression] = {}
        offsets: dict[str, int] = {}
        self.blank()
        while self.next:
            if self.skip("["):  # the number of a production
                self.until("]", "number of a production")
                self.blank()
            head, name = self.at, self._name()
            if not self.token("::="):
                raise self.wrong("expected ::=")
            if name in found:
                raise self.wrong(f"rule {name!r} is defined twice", head)
            found[name], offsets[name] = self.alternatives(), head
            self.blank()
        return Rules(found, self.source, offsets)

    def _name(self) -> str:
        found = _W3C_NAME.match(self.source, self.at)
        if found is None:
            raise self.wrong("expected the name of a rule")
        self.at = found.end()
        return found[0]

    def sequence(self) -> Expression:
        parts: list[Expression] = []
        self.blank()
        while self.next and self.next not in "|)" and not _W3C_HEAD.match(self.source, self.at):
            start = self.at
            part = self._repeated()
            if self.token("-"):
                self.blank()
                part = self.without(part, self._repeated(), start)
            parts.append(part)
            self.blank()
        return Then(tuple(parts)) if len(parts) != 1 else parts[0]

    def _repeated(self) -> Expression:
        body = self._atom()
        while self.next in _REPEATS and self.next:
            body = Times(body, *_REPEATS[self.next])
            self.at += 1
        return body

    def _atom(self) -> Expression:
        start, quote = self.at, self.next
        if quote in ("'", '"') and quote:
            self.at += 1
            return text(self.until(quote, "literal"))
        if code := _CODE.match(self.source, self.at):
            self.at = code.end()
            return Characters(ranges([(int(code[1], 16), int(code[1], 16))]))
        if self.skip("["):
            return self._class(start)
        if self.skip("("):
            return self.enclosed(")", start)
        return Name(self._name(), start)

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
        if code := _CODE.match(self.source, self.at):
            self.at = code.end()
            return int(code[1], 16)
        self.at += 1
        return ord(self.source[self.at - 1])


class _IsoReader(_Reader):
    comment = ("(*", "*)")

    def rules(self) -> Rules:
        found: dict[str, Expression] = {}
        offsets: dict[str, int] = {}
        self.blank()
        while self.next:
            head, name = self.at, self._name()
            if not self.token("="):
                raise self.wrong("expected =")
            if name in found:
                raise self.wrong(f"rule {name!r} is defined twice", head)
            found[name], offsets[name] = self.alternatives(), head
            if not (self.token(";") or self.token(".")):
                raise self.wrong("expected ; at the end of a rule")
            self.blank()
        return Rules(found, self.source, offsets)

    def _name(self) -> str:
        found = _ISO_NAME.match(self.source, self.at)
        if found is None:
            raise self.wrong("expected the name of a rule")
        self.at = found.end()
        return " ".join(found[0].split())

    def sequence(self) -> Expression:
        parts = [self._term()]
        while self.token(","):
            parts.append(self._term())
        return Then(tuple(parts)) if len(parts) != 1 else parts[0]

    def _term(self) -> Expression:
        self.blank()
        start = self.at
        factor = self._factor()
        if self.token("-"):
            return self.without(factor, self._factor(), start)
        return factor

    def _factor(self) -> Expression:
        self.blank()
        count = re.compile(r"\d+").match(self.source, self.at)
        if count is None:
            return self._primary()
        self.at = count.end()
        if not self.token("*"):
            raise self.wrong("expected * after a number")
        self.blank()
        return Times(self._primary(), int(count[0]), int(count[0]))

    def _primary(self) -> Expression:
        start, opening = self.at, self.next
        if opening in ("'", '"') and opening:
            self.at += 1
            return text(self.until(opening, "literal"))
        if self.skip("["):
            return Times(self.enclosed("]", start), 0, 1)
        if self.skip("{"):
            return Times(self.enclosed("}", start), 0, None)
        if self.skip("("):
            return self.enclosed(")", start)
        if opening == "?":
            raise UnsupportedFeature("a special sequence ?...? is not supported", where=self.place())
        if opening in ("", "|", ",", ";", ")", "]", "}", ".", "-"):
            return Then(())
        return Name(self._name(), start)

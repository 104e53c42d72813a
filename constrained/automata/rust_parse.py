"""Rust's regular expressions (the syntax of the `regex` crate) to `pattern_ast`.

    Disjunction = Alternative ('|' Alternative)*        Repeat = Atom ('*' | '+' | '?' | '{n,m}') '?'?
    Atom        = '(' flags? Disjunction ')' | '[' class ']' | '\\' escape | '.' | '^' | '$' | character

Only the structure is read here. What a class or an escape means is asked of the crate itself (`regex.py`),
so its Unicode tables and its case folding are the crate's own.

Flags are `i`, `s`, `u` and `U`. Refused: `m` where an anchor stands, `R`, `x`, and the word boundaries
with a side (`\\b{start}`).
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from constrained.automata.code_points import Ranges
from constrained.automata.ecma_classes import characters
from constrained.automata.pattern_ast import (
    EMPTY,
    Assertion,
    Gap,
    One,
    Pattern,
    Repeat,
    Sequence,
    choice,
    sequence,
)
from constrained.automata.regex import compile_rust
from constrained.errors import GrammarError, InvalidGrammar, LimitExceeded, UnsupportedFeature

_DEPTH = 100  # nested groups
_GROUP = re.compile(r"\((?:\?P?<[^>]*>|\?(?P<on>[a-zA-Z]*)(?:-(?P<off>[a-zA-Z]+))?(?P<end>[:)]))?")
_DIRECTIVE = re.compile(r"\(\?[a-zA-Z-]*\)")
_BRACES = re.compile(r"\{\s*(?P<least>[0-9]*)\s*(?P<comma>,?)\s*(?P<most>[0-9]*)\s*\}")
_ESCAPE = re.compile(
    r"\\(?:[pP]\{[^}]*\}|[pP].|[xuU]\{[^}]*\}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|b\{[^}]*\}|.)", re.DOTALL
)


@lru_cache(maxsize=512)
def parse_rust(pattern: str) -> Pattern:
    """The meaning of `pattern`, where it must match the whole text.

    Raises InvalidGrammar for what is no regular expression, UnsupportedFeature, LimitExceeded for
    groups nested too deeply; messages name the offset.
    """
    if any("\ud800" <= character < "\ue000" for character in pattern):
        raise InvalidGrammar("a pattern with half of a surrogate pair")
    return _Parser(pattern).whole()


@dataclass
class _Parser:
    """A cursor over the pattern, and the flags in force."""

    text: str
    at: int = 0
    flags: frozenset[str] = frozenset("u")
    depth: int = 0

    def _error(self, kind: type[GrammarError], message: str, offset: int | None = None, hint: str = "") -> GrammarError:
        place = self.at if offset is None else offset
        return kind(f"{message} at offset {place} of the pattern {self.text[:80]!r}", hint=hint)

    # ------------------------------------------------------------ structure

    def whole(self) -> Pattern:
        """The whole pattern."""
        node = self._disjunction()
        if self.at < len(self.text):
            raise self._error(InvalidGrammar, "a group is closed, but not opened,")
        return node

    def _disjunction(self) -> Pattern:
        outer = self.flags
        options = [self._alternative()]
        while self.text.startswith("|", self.at):
            self.at += 1
            options.append(self._alternative())
        self.flags = outer
        return choice(options)

    def _alternative(self) -> Pattern:
        parts: list[Pattern] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            part = self._repeat()
            parts.extend(part.parts if isinstance(part, Sequence) else (part,))
        return sequence(parts)

    def _repeat(self) -> Pattern:
        start = self.at
        node = self._atom()
        directive = _DIRECTIVE.match(self.text, start) is not None
        while bounds := self._bounds():
            if directive:
                raise self._error(InvalidGrammar, "nothing to repeat", start)
            node = Repeat(node, *bounds)
        return node

    def _bounds(self) -> tuple[int, int | None] | None:
        """The repetition operator here, if there is one; whether it is lazy makes no difference."""
        operator = self.text[self.at : self.at + 1]
        if operator == "{":
            bounds = self._braces()
        elif operator and operator in "*+?":
            bounds = {"*": (0, None), "+": (1, None), "?": (0, 1)}[operator]
            self.at += 1
        else:
            return None
        self.at += self.text.startswith("?", self.at)
        return bounds

    def _braces(self) -> tuple[int, int | None]:
        found = _BRACES.match(self.text, self.at)
        if found is None or not found["least"]:
            raise self._error(InvalidGrammar, "a repetition that is not {n}, {n,} or {n,m}", hint="write \\{")
        if max(len(found["least"]), len(found["most"])) > 9:
            raise self._error(LimitExceeded, "a repetition of a billion or more")
        least = int(found["least"])
        most = int(found["most"]) if found["most"] else None if found["comma"] else least
        if most is not None and most < least:
            raise self._error(InvalidGrammar, "a repetition that ends before it begins")
        self.at = found.end()
        return least, most

    # ------------------------------------------------------------ atoms

    def _atom(self) -> Pattern:
        character = self.text[self.at]
        match character:
            case "(":
                return self._group()
            case "[":
                return self._set(self._end_of_class())
            case "\\":
                return self._escape()
            case ".":
                return self._set(self.at + 1)
            case "^" | "$":
                self.at += 1
                return self._anchor(Gap.TEXT_START if character == "^" else Gap.TEXT_END)
            case "*" | "+" | "?" | "{":
                raise self._error(InvalidGrammar, "nothing to repeat")
            case _:
                return self._set(self.at + 1) if "i" in self.flags else self._character()

    def _character(self) -> One:
        code = ord(self.text[self.at])
        self.at += 1
        return One(((code, code),))

    def _group(self) -> Pattern:
        opened = self.at
        found = _GROUP.match(self.text, opened)
        if found is None or (self.text.startswith("(?", opened) and found.end() == opened + 1):
            raise self._error(InvalidGrammar, "a group of an unknown kind")
        self.at = found.end()
        outer = self.flags
        if found["end"]:
            self._set_flags(found["on"], found["off"] or "", opened)
        if found["end"] == ")":
            return EMPTY  # flags from here to the end of the group around
        self.depth += 1
        if self.depth > _DEPTH:
            raise self._error(LimitExceeded, f"more than {_DEPTH} nested groups")
        node = self._disjunction()
        if not self.text.startswith(")", self.at):
            raise self._error(InvalidGrammar, "a group is opened, but not closed,", opened)
        self.at += 1
        self.depth -= 1
        self.flags = outer
        return node

    def _set_flags(self, on: str, off: str, opened: int) -> None:
        for flag in (*on, *off):
            if flag in "Rx":
                raise self._error(UnsupportedFeature, f"the flag {flag}", opened)
            if flag not in "imsUu":
                raise self._error(InvalidGrammar, f"an unknown flag {flag}", opened)
        self.flags = (self.flags | set(on)) - set(off)

    def _escape(self) -> Pattern:
        found = _ESCAPE.match(self.text, self.at)
        if found is None:
            raise self._error(InvalidGrammar, "a pattern that ends in a backslash")
        gap = {"\\A": Gap.TEXT_START, "\\z": Gap.TEXT_END, "\\b": Gap.WORD_EDGE, "\\B": Gap.NO_WORD_EDGE}.get(found[0])
        if found[0].startswith("\\b{") or found[0] in ("\\<", "\\>"):
            raise self._error(UnsupportedFeature, "a word boundary with a side")
        if gap is None:
            return self._set(found.end())
        self.at = found.end()
        if gap in (Gap.TEXT_START, Gap.TEXT_END):
            return Assertion(gap)
        return Assertion(gap, _meaning("\\w", self.flags & {"u"}))

    def _anchor(self, gap: Gap) -> Pattern:
        if "m" in self.flags:
            raise self._error(UnsupportedFeature, "an anchor under the flag m", self.at - 1)
        return Assertion(gap)

    def _end_of_class(self) -> int:
        """After the class here: classes nest, and a `]` right after `[` or `[^` is itself."""
        opened, at = 0, self.at
        while at < len(self.text):
            if self.text[at] == "\\":
                at += 1
            elif self.text[at] == "[":
                opened += 1
                at += self.text.startswith("^", at + 1)
                at += self.text.startswith("]", at + 1)
            elif self.text[at] == "]":
                opened -= 1
            at += 1
            if not opened:
                return at
        raise self._error(InvalidGrammar, "a class is opened, but not closed,")

    def _set(self, end: int) -> One:
        """The characters that `text[at:end]` stands for."""
        source, start = self.text[self.at : end], self.at
        self.at = end
        try:
            return One(_meaning(source, self.flags & {"i", "s", "u"}))
        except InvalidGrammar as error:
            raise self._error(InvalidGrammar, f"{source!r} is no character or class", start) from error


@lru_cache(maxsize=2048)
def _meaning(source: str, flags: frozenset[str]) -> Ranges:
    off = "".join(sorted(set("isu") - flags))
    on = "".join(sorted(flags))
    return characters(compile_rust(f"(?{on}{'-' if off else ''}{off}:{source})"))

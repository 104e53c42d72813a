"""ECMA-262 regular expressions (with the `u` flag) to `pattern_ast`.

Recursive descent over the text; one function per production, named after the specification:

    Disjunction  = Alternative ('|' Alternative)*          Term = Assertion | Atom Quantifier?
    Atom         = '.' | '\\' Escape | '[' Class ']' | '(' GroupSpecifier Disjunction ')' | character

Where real schemas are looser than the `u` flag allows and only one reading is possible, that reading
is taken: `\\-` and other escaped punctuation, a lone `{`, `}` or `]`, `[\\w-.]`, the anchors
`\\A \\z \\Z`, `(?P<name>...)`, `(?#...)` and leading `(?i)`. Where dialects disagree (`x{,3}`,
`[]a]`, `\\h`, `[[:alpha:]]`) the pattern is refused with a hint. What is not a regular language, or
needs a matcher that backtracks, is refused by name; back-references to groups of few texts are
written out (`back_references`).
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from constrained.automata.back_references import Group, Reference, without_references
from constrained.automata.code_points import ANY, union
from constrained.automata.ecma_characters import Characters
from constrained.automata.ecma_classes import DOT, WORD
from constrained.automata.pattern_ast import (
    EMPTY,
    Assertion,
    Gap,
    Look,
    One,
    Pattern,
    Repeat,
    Sequence,
    choice,
    sequence,
)
from constrained.errors import LimitExceeded, UnsupportedFeature

_DEPTH = 50  # nested groups
_LOOKS = {"?=": (True, False), "?!": (True, True), "?<=": (False, False), "?<!": (False, True)}
_ANCHORS = {"A": Gap.TEXT_START, "Z": Gap.TEXT_END, "z": Gap.TEXT_END}
_FLAGS = frozenset("imsu")
_REFERENCE = re.compile(r"\\[1-9]|\\k<|\(\?P=")
_AMBIGUOUS = 0  # the number of a name that several groups have
_BRACES = re.compile(r"\{([0-9]*)(,?)([0-9]*)\}")
_INLINE = re.compile(r"\(\?(?P<on>[a-zA-Z]*)(?:-(?P<off>[a-zA-Z]*))?(?P<end>[:)])")


@lru_cache(maxsize=1024)
def parse(pattern: str, flags: str = "") -> Pattern:
    """The meaning of `pattern` under `flags` (any of `i m s u`; `u` is always on).

    Raises InvalidGrammar for what is no regular expression, UnsupportedFeature for atomic groups,
    back-references to groups of many texts and the like, LimitExceeded for too deep nesting; messages name the offset.
    """
    if unknown := set(flags) - _FLAGS:
        raise UnsupportedFeature(f"regular expression flag {min(unknown)!r} is not supported")
    return _Parser(pattern, frozenset(flags)).whole()


@dataclass
class _Parser(Characters):
    """How characters are put together: one method per production."""

    depth: int = 0
    groups: int = 0
    marks_groups: bool = False  # is there a reference that may need them?
    names: dict[str, int] = field(default_factory=dict[str, int])  # of groups
    references: list[tuple[int | str, int]] = field(default_factory=list[tuple[int | str, int]])  # (group, offset)

    def whole(self) -> Pattern:
        self._leading_flags()
        self.marks_groups = _REFERENCE.search(self.text) is not None
        node = self._disjunction()
        if self.at < len(self.text):
            raise self._wrong("unmatched )")
        for group, offset in self.references:
            if group not in self.names and not (isinstance(group, int) and group <= self.groups):
                shown = f"\\{group}" if isinstance(group, int) else f"\\k<{group}>"
                raise self._wrong(f"{shown} refers to a group that does not exist", offset)
        return without_references(node, self._unsupported) if self.marks_groups else node

    # ------------------------------------------------------------ structure

    def _disjunction(self) -> Pattern:
        options = [self._alternative()]
        while self._skip("|"):
            options.append(self._alternative())
        if len(options) > 1 and all(isinstance(option, One) for option in options):
            return One(union(*(option.points for option in options if isinstance(option, One))))
        return choice(options)

    def _alternative(self) -> Pattern:
        parts: list[Pattern] = []
        while (next_ := self._peek()) and next_ not in "|)":
            part = self._term()
            if type(part) is Sequence:
                parts.extend(part.parts)
            else:
                parts.append(part)
        return sequence(parts)

    def _term(self) -> Pattern:
        start = self.at
        atom = self._atom()
        bounds = self._quantifier()
        if bounds is None:
            return atom
        if isinstance(atom, Assertion) and self.text[start] != "(":
            raise self._wrong("nothing to repeat", start)
        if self._skip("+"):
            raise self._unsupported("a possessive quantifier", self.at - 1)
        self._skip("?")  # lazy: the same language
        after = self.at
        if self._quantifier() is not None:
            raise self._wrong("nothing to repeat", after)
        return Repeat(atom, *bounds)

    def _quantifier(self) -> tuple[int, int | None] | None:
        """The bounds of the quantifier here, if there is one."""
        bounds: tuple[int, int | None]
        match self._peek():
            case "*":
                bounds = (0, None)
            case "+":
                bounds = (1, None)
            case "?":
                bounds = (0, 1)
            case "{":
                return self._braces()
            case _:
                return None
        self.at += 1
        return bounds

    def _braces(self) -> tuple[int, int | None] | None:
        """`{n}`, `{n,}` or `{n,m}`; anything else is a literal brace."""
        found = _BRACES.match(self.text, self.at)
        least, comma, most = found.groups() if found else ("", "", "")
        if found and most and not least:
            raise self._wrong(f"{{,{most}}} means different things in different dialects", hint=f"write {{0,{most}}}")
        if found is None or not least:
            return None
        if len(least) > 9 or len(most) > 9:
            raise LimitExceeded(self._say("a repeat of a billion or more", None))
        low = int(least)
        high = int(most) if most else None if comma else low
        if high is not None and high < low:
            raise self._wrong("numbers out of order in a quantifier")
        self.at = found.end()
        return low, high

    def _atom(self) -> Pattern:
        start = self.at
        character = self._peek()
        if character in ("*", "+", "?") or (character == "{" and self._quantifier() is not None):
            raise self._wrong("nothing to repeat", start)
        self.at += 1
        match character:
            case "(":
                return self._group()
            case "[":
                return self._class()
            case "\\":
                return self._escape()
            case ".":
                return One(ANY if "s" in self.flags else DOT)
            case "^":
                return Assertion(Gap.LINE_START if "m" in self.flags else Gap.TEXT_START)
            case "$":
                return Assertion(Gap.LINE_END if "m" in self.flags else Gap.TEXT_END)
            case "]" if self.odd_class is not None:
                raise self._wrong("an empty class [] or [^]", self.odd_class, hint="escape a ] inside a class: \\]")
            case _:
                return self._code(ord(character))

    # ------------------------------------------------------------ groups

    def _group(self) -> Pattern:
        opened = self.at - 1
        outer, before = self.flags, self.groups
        look = self._group_specifier(opened)
        if look == "#":
            return EMPTY
        if look == "?P=":
            return self._named_reference(")", opened)
        number = self.groups if self.groups > before else 0
        self.depth += 1
        if self.depth > _DEPTH:
            raise LimitExceeded(self._say(f"more than {_DEPTH} nested groups", opened))
        body = self._disjunction()
        if not self._skip(")"):
            raise self._wrong("unterminated group", opened)
        self.depth -= 1
        self.flags = outer
        if number and self.marks_groups:
            return Group((body,), number, self.at - 1)
        return Look(body, *_LOOKS[look]) if look in _LOOKS else body

    def _group_specifier(self, opened: int) -> str:
        """Read what follows `(`: the kind of look-around, `#` for a comment, `?P=`, or nothing of note."""
        if not self._skip("?"):
            self.groups += 1
            return ""
        self.at -= 1
        for look in ("?<=", "?<!", "?=", "?!"):
            if self._skip(look):
                return look
        if self._skip("?:"):
            return ""
        if self._skip("?#"):
            self._until(")", "comment")
            return "#"
        if self._skip("?P="):
            return "?P="
        if self._skip("?<") or self._skip("?P<"):
            name = self._until(">", "group name")
            if not name.isidentifier() and not name.replace("$", "_").isidentifier():
                raise self._wrong("an invalid group name", opened)
            self.groups += 1
            self.names[name] = self.groups if name not in self.names else _AMBIGUOUS
            return ""
        self._refuse_group(opened)
        self._scoped_flags(opened)
        return ""

    def _refuse_group(self, opened: int) -> None:
        refused = {
            "?>": "an atomic group",
            "?|": "a branch reset group",
            "?(": "a conditional group",
            "?P>": "recursion",
            "?&": "recursion",
            "?R": "recursion",
        }
        for syntax, what in refused.items():
            if self.text.startswith(syntax, self.at):
                raise self._unsupported(what, opened)
        if self.text[self.at + 1 : self.at + 2].isdigit():
            raise self._unsupported("recursion", opened)

    def _leading_flags(self) -> None:
        """`(?i)` at the very start, as Python and PCRE write it."""
        found = _INLINE.match(self.text) if self.text.startswith("(?") else None
        if found and found["end"] == ")" and found["on"] != "R":
            self._set_flags(found["on"], found["off"] or "", 0)
            self.at = found.end()

    def _scoped_flags(self, opened: int) -> None:
        """`(?i-m:` ...: flags in force until the group ends."""
        found = _INLINE.match(self.text, opened)
        if found is None:
            raise self._wrong("an invalid group", opened)
        if found["end"] == ")":
            raise self._wrong("flags in the middle of a pattern", opened, hint=f"write (?{found['on']}:...)")
        self._set_flags(found["on"], found["off"] or "", opened)
        self.at = found.end()

    def _set_flags(self, on: str, off: str, opened: int) -> None:
        if unknown := {*on, *off} - _FLAGS - {"a"}:  # Python's `a`: ASCII classes, as here
            raise self._unsupported(f"the inline flag {min(unknown)!r}", opened)
        self.flags = (self.flags | set(on)) - set(off)

    # ------------------------------------------------------------ escapes

    def _escape(self) -> Pattern:
        """An escape outside a class; the cursor is after the backslash."""
        start, letter = self.at - 1, self._peek()
        if letter in ("b", "B"):
            self.at += 1
            gap = Gap.WORD_EDGE if letter == "b" else Gap.NO_WORD_EDGE
            return Assertion(gap, self._folded(WORD))
        if letter in _ANCHORS:
            self.at += 1
            return Assertion(_ANCHORS[letter])
        if letter == "k":
            self.at += 1
            if not self._skip("<"):
                raise self._wrong("\\k without a name", start, hint="write \\k<name>")
            return self._named_reference(">", start)
        if letter in "123456789" and letter:
            digits = self.at
            while self._peek().isdecimal():
                self.at += 1
            number = int(self.text[digits : min(self.at, digits + 9)])
            self.references.append((number, start))
            return Reference((), number, start, "i" in self.flags)
        found = self._class_escape()
        return One(found) if isinstance(found, tuple) else self._code(found)

    def _named_reference(self, end: str, start: int) -> Pattern:
        """A reference by name. One that stands before its group has nothing to repeat yet."""
        name = self._until(end, "group name")
        self.references.append((name, start))
        number = self.names.get(name)
        if number == _AMBIGUOUS:
            raise self._unsupported(f"a back-reference to one of several groups {name!r}", start)
        return EMPTY if number is None else Reference((), number, start, "i" in self.flags)

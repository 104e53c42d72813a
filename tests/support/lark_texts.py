"""Random texts of a Lark grammar, from Lark's own productions and Python's own reading of its terminals.

Nothing here knows the engine. A text is a random derivation, cut short where it grows deep; its terminals
are written with a blank between them where the grammar ignores blanks. Lark's lexer may still cut the text
in another way than it was derived, so whether it is one of the grammar's is for Lark's parser to say.
"""

import importlib
import random
import re
import sys
from typing import Any

from lark import Lark
from lark.grammar import Rule

_parser: Any = importlib.import_module("re._parser")
_LETTERS = [chr(code) for code in range(32, 127)] + ["\n", "\t", "é", "λ", "☃", "😀"]


class Texts:
    """Texts of one grammar."""

    def __init__(self, grammar: Lark, start: str = "start") -> None:
        self._start = start
        self._rules: dict[str, list[Rule]] = {}
        for rule in grammar.rules:
            self._rules.setdefault(rule.origin.name, []).append(rule)
        self._patterns = {terminal.name: terminal.pattern.to_regexp() for terminal in grammar.terminals}
        self._blank = " " if any(re.fullmatch(self._patterns[name], " ") for name in grammar.ignore_tokens) else ""
        self._height = self._heights()

    def text(self, chance: random.Random, depth: int) -> str:
        """One text; rules are chosen freely down to `depth`, and as flat as possible below."""
        pieces: list[str] = []
        todo: list[tuple[Any, int]] = [(self._start, depth)]
        while todo:
            symbol, left = todo.pop()
            if symbol in self._patterns:
                pieces.append(written(self._patterns[symbol], chance))
                continue
            rules = self._rules[symbol]
            if left <= 0:
                least = min(map(self._height_of, rules))
                rules = [rule for rule in rules if self._height_of(rule) == least]
            chosen = chance.choice(rules)
            todo += [(one.name, left - 1) for one in reversed(chosen.expansion)]
        return self._blank.join(pieces)

    def _height_of(self, rule: Rule) -> int:
        return 1 + max((self._height.get(one.name, 0) for one in rule.expansion), default=0)

    def _heights(self) -> dict[str, int]:
        """How deep the flattest derivation of each rule is."""
        known = dict.fromkeys(self._rules, sys.maxsize)
        self._height = known
        changed = True
        while changed:
            changed = False
            for name, rules in self._rules.items():
                height = min(map(self._height_of, rules))
                if height < known[name]:
                    known[name], changed = height, True
        return known


def written(pattern: str, chance: random.Random) -> str:
    """A random text that `pattern` matches as a whole."""
    for _ in range(200):
        text = "".join(_some(_parser.parse(pattern), chance))
        if re.fullmatch(pattern, text):  # look-behinds are not looked at while writing
            return text
    raise AssertionError(f"no text found for {pattern}")


def _some(items: Any, chance: random.Random) -> Any:
    for operator, argument in items:
        yield _one(str(operator), argument, chance)


def _one(operator: str, argument: Any, chance: random.Random) -> str:
    match operator:
        case "LITERAL":
            return chr(argument)
        case "ANY":
            return chance.choice([letter for letter in _LETTERS if letter != "\n"])
        case "NOT_LITERAL":
            return chance.choice([letter for letter in _LETTERS if letter != chr(argument)])
        case "IN":
            return _member(argument, chance)
        case "BRANCH":
            return "".join(_some(chance.choice(argument[1]), chance))
        case "SUBPATTERN":
            return "".join(_some(argument[3], chance))
        case "MAX_REPEAT" | "MIN_REPEAT":
            least, most, body = argument
            times = chance.randint(int(least), min(int(most), int(least) + 4))
            return "".join("".join(_some(body, chance)) for _ in range(times))
        case "AT" | "ASSERT" | "ASSERT_NOT":
            return ""
        case _:
            raise AssertionError(operator)


def _member(members: Any, chance: random.Random) -> str:
    kinds = [str(kind) for kind, _ in members]
    if kinds[0] != "NEGATE":
        kind, value = chance.choice(members)
        if str(kind) == "LITERAL":
            return chr(value)
        if str(kind) == "RANGE":
            return chr(chance.randint(*value))
    shown = "".join(_shown(str(kind), value) for kind, value in members)
    return chance.choice([letter for letter in _LETTERS if re.fullmatch(f"[{shown}]", letter)])


def _shown(kind: str, value: Any) -> str:
    match kind:
        case "NEGATE":
            return "^"
        case "LITERAL":
            return f"\\U{value:08x}"
        case "RANGE":
            return f"\\U{value[0]:08x}-\\U{value[1]:08x}"
        case _:
            names = {"DIGIT": "d", "SPACE": "s", "WORD": "w"}
            name = str(value).removeprefix("CATEGORY_")
            letter = names[name.removeprefix("NOT_")]
            return f"\\{letter.upper() if name.startswith('NOT_') else letter}"

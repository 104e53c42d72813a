"""A Lark grammar, read by Lark itself, as plain data.

    text --dialect--> Lark's own loader and compiler --> Source
                      imports, templates, EBNF, names of anonymous terminals, %extend, %override

Lark's errors become ours (wording.py). After this module the grammar
is productions over names, and every terminal a pattern of Python's `re`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lark.grammar import Rule
from lark.lexer import TerminalDef
from lark.load_grammar import GrammarBuilder

from constrained.deadline import watched
from constrained.errors import InvalidGrammar, LimitExceeded, UnsupportedFeature
from grammars.lark.dialect import Dialect, read_dialect
from grammars.lark.library import library
from grammars.lark.wording import as_grammar_errors
from grammars.lark.written_out import check_rules

_LENGTH = 1_000_000  # characters of a grammar


@dataclass(frozen=True, slots=True)
class Source:
    """Productions (Lark's, in BNF), the terminals they use, and those that are ignored.

    unused   rules and terminals of the text (not imported ones) that the start rule does not lead to
    """

    rules: tuple[Rule, ...]
    terminals: dict[str, TerminalDef]
    ignore: tuple[str, ...]
    start: str
    dialect: Dialect
    unused: tuple[str, ...] = ()

    def called(self, name: str) -> str:
        """What messages call terminal `name`: Lark has names of its own for those that are written in rules."""
        terminal = self.terminals.get(name)
        if terminal is not None and name.startswith("__"):
            return f"the terminal {terminal.pattern.raw or terminal.pattern.value}"
        return self.dialect.in_the_users_words(f"terminal {name}")

    def where(self, name: str) -> str:
        """The place in the text where rule or terminal `name` stands, if that can be found."""
        terminal = self.terminals.get(name)
        raw = terminal.pattern.raw if terminal is not None else None
        places = self.dialect.places
        if name in self.dialect.sites:
            return places.at(self.dialect.sites[name])
        place = places.find(rf"^[ \t]*(?P<here>[?!]*{re.escape(name)}\b)(?=[^\n]*:)")
        if raw is not None and not place:
            offset = places.user.find(str(raw))
            place = places.at(offset) if offset >= 0 else ""
        if terminal is not None and (ends := re.fullmatch(r"\[(.)-(.)\]", terminal.pattern.value)):
            place = place or places.find(rf'"{re.escape(ends[1])}"[ \t]*\.\.[ \t]*"{re.escape(ends[2])}"')
        return place or self._where_imported(name)

    def _where_imported(self, name: str) -> str:
        """The `%import` that brought `name` along; what comes with it is called `module__name`."""
        module, _, last = name.strip("_").rpartition("__")
        pattern = rf"^[ \t]*(?P<here>%import[ \t]+{re.escape(module)}\b[^\n]*?)"
        return self.dialect.places.find(rf"{pattern}\b{re.escape(last)}\b") or self.dialect.places.find(pattern)


def read_source(text: str, start: str, declared: Mapping[str, str]) -> Source:
    """Load a grammar, in which `%declare`d terminals are the control tokens that `declared` says.

    Raises InvalidGrammar, UnsupportedFeature or LimitExceeded, with line and column.
    """
    if len(text) > _LENGTH:
        raise LimitExceeded(f"a grammar of {len(text)} characters, over {_LENGTH}")
    dialect = read_dialect(text)
    for name, definition in declared.items():
        dialect.define(name, definition)
    if relative := dialect.places.find(r"^\s*%import\s+\."):
        raise UnsupportedFeature("a relative %import is not supported: grammars read no files", where=relative)
    with as_grammar_errors(dialect), watched():
        builder = GrammarBuilder(import_paths=library(dialect.text))
        builder.load_grammar(dialect.text, "<grammar>")
        _check_declared_rules(dialect)
        loaded: Any = builder.build()
        if start not in {rule[0] for rule in loaded.rule_defs}:
            raise InvalidGrammar(f"there is no rule {start!r} to start with")
        plain = [str(defined[0]) for defined in loaded.rule_defs if not defined[1]]  # without parameters
        written = [rule for rule in plain if "__" not in rule]
        check_rules(loaded.rule_defs, dialect)
        terminals, rules, ignore = loaded.compile([start], [])
    used = {str(rule.origin.name) for rule in rules} | {str(t.name) for t in terminals}
    unused = tuple(name for name in written if name not in used)
    source = Source(tuple(rules), {t.name: t for t in terminals}, tuple(ignore), start, dialect, unused)
    _check_declared(source)
    return source


def _check_declared_rules(dialect: Dialect) -> None:
    if declared := dialect.places.find(r"^[ \t]*%declare\b[^\n/#]*?\s(?P<here>_*[a-z]\w*)"):
        raise InvalidGrammar("a rule is declared: only terminals can be", where=declared)


def _check_declared(source: Source) -> None:
    known = source.terminals.keys() | source.dialect.extensions.keys()
    for name in [symbol.name for rule in source.rules for symbol in rule.expansion if symbol.is_term]:
        if name not in known:
            place = source.dialect.places.find(rf"(?<=\s){re.escape(name)}\b")
            hint = f'write control tokens as <|name|>, or say which it is: declared={{"{name}": "<|name|>"}}'
            raise UnsupportedFeature(f"terminal {name} is declared but not defined", where=place, hint=hint)

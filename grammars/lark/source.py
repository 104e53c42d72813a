"""A Lark grammar, read by Lark itself, as plain data.

    text --dialect--> Lark's own loader and compiler --> Source
                      imports, templates, EBNF, names of anonymous terminals, %extend, %override

Lark's errors become ours, with line and column where Lark knows them. After this module the grammar
is productions over names, and every terminal a pattern of Python's `re`.
"""

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lark.exceptions import LarkError
from lark.grammar import Rule
from lark.lexer import TerminalDef
from lark.load_grammar import GrammarBuilder

from constrained.errors import GrammarError, InvalidGrammar, LimitExceeded, UnsupportedFeature
from grammars.lark.dialect import Dialect, Places, read_dialect

_LENGTH = 1_000_000  # characters of a grammar
_LINE_AND_COLUMN = re.compile(r",? at line (\d+),? column (\d+)(?: in [^:]*)?:?")


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
    for name, written in declared.items():
        dialect.define(name, written)
    if relative := dialect.places.find(r"^\s*%import\s+\."):
        raise UnsupportedFeature("a relative %import is not supported: grammars read no files", where=relative)
    with _as_grammar_errors(dialect):
        builder = GrammarBuilder()
        builder.load_grammar(dialect.text, "<grammar>")
        loaded: Any = builder.build()
        if start not in {rule[0] for rule in loaded.rule_defs}:
            raise InvalidGrammar(f"there is no rule {start!r} to start with")
        written = [str(name) for name, parameters, *_ in loaded.rule_defs if not parameters and "__" not in name]
        terminals, rules, ignore = loaded.compile([start], [])
    used = {str(rule.origin.name) for rule in rules} | {str(t.name) for t in terminals}
    unused = tuple(name for name in written if name not in used)
    source = Source(tuple(rules), {t.name: t for t in terminals}, tuple(ignore), start, dialect, unused)
    _check_declared(source)
    return source


def _check_declared(source: Source) -> None:
    known = source.terminals.keys() | source.dialect.extensions.keys()
    for name in [symbol.name for rule in source.rules for symbol in rule.expansion if symbol.is_term]:
        if name not in known:
            place = source.dialect.places.find(rf"(?<=\s){re.escape(name)}\b")
            hint = f'write control tokens as <|name|>, or say which it is: declared={{"{name}": "<|name|>"}}'
            raise UnsupportedFeature(f"terminal {name} is declared but not defined", where=place, hint=hint)


@contextmanager
def _as_grammar_errors(dialect: Dialect) -> Generator[None]:
    """Turn what Lark raises into our errors."""
    try:
        yield
    except GrammarError:
        raise
    except RecursionError as error:
        raise LimitExceeded("the grammar is nested too deeply") from error
    except (LarkError, re.error, OSError, AssertionError, ValueError, KeyError) as error:
        raise _translated(error, dialect) from error


def _translated(error: Exception, dialect: Dialect) -> GrammarError:
    message = str(error).partition("\n")[0].strip() or f"Lark refuses the grammar ({type(error).__name__})"
    if isinstance(error, AssertionError) and dialect.extensions:
        place = dialect.places.at(dialect.sites[next(iter(dialect.extensions))])
        return UnsupportedFeature("an extension inside a terminal: it has its place in rules", where=place)
    if isinstance(error, OSError):
        message = f"no grammar to import: {error.filename}"
    cause: Any = error.__context__ or error
    line, column = getattr(cause, "line", None), getattr(cause, "column", None)
    said = _LINE_AND_COLUMN.search(message)
    if said is not None and not isinstance(line, int):
        line, column = int(said[1]), int(said[2])
    if isinstance(line, int) and isinstance(column, int) and line > 0:
        message = _LINE_AND_COLUMN.sub("", message).removesuffix(".")
        return InvalidGrammar(message, where=dialect.places.of(line, column))
    return InvalidGrammar(dialect.in_the_users_words(message), where=_place_of(message, dialect.places))


# What Lark says without a place, and what it is then about; groups of the first are filled into the second.
_ABOUT = (
    (r"no grammar to import: (\w+)\.lark", r"^\s*(?P<here>%import\s+{})"),
    (r"Aliasing not allowed in terminals", r"(?:^[ \t]*[A-Z_][A-Z0-9_]*(?:\.\d+)?|\])[ \t]*:[^\n]*?(?P<here>->)"),
    (r"Bad Range for .*\((\d+)\.\.(\d+) ", r"~[ \t]*{}[ \t]*\.\.[ \t]*{}"),
    (r'rule "range"|character range (\w)-(\w) ', r'"[^"\n]*"[ \t]*\.\.[ \t]*"[^"\n]*"'),
    (r"'([A-Za-z_]\w*)'|\b([A-Z_]{2,})\b|\((\w+) in ", r"(?<![\w\"/]){}(?!\w)"),
    (r"'([A-Za-z_]\w*)'", r"(?<!\w){}(?!\w)"),
)


def _place_of(message: str, places: Places) -> str:
    for says, about in _ABOUT:
        if found := re.search(says, message):
            words = [re.escape(group) for group in found.groups() if group]
            if place := places.find(about.format(*words)):
                return place
    return ""

"""Greedy lexing: cut the text as Lark's LALR parser with the contextual lexer does.

Accepted is exactly what `Lark(text, parser="lalr").parse` accepts; every such text is also one of
Earley's, whatever its lexer. The grammar must be LALR(1) without conflicts. Terminals that may be empty,
which Lark refuses, are read as optional ones.
"""

from lark.grammar import NonTerminal, Rule, Terminal

from constrained.automata.dfa import START
from constrained.deadline import look
from constrained.errors import UnsupportedFeature
from constrained.grammar import Control, Node
from grammars.enclosed import Enclosure
from grammars.lark.endings import Ahead, least_lengths
from grammars.lark.lalr import Tables
from grammars.lark.machine import Machine, Place
from grammars.lark.scanner import Scanner
from grammars.lark.source import Source
from grammars.lark.terminals import Lexeme


def greedy(
    source: Source, lexemes: dict[str, Lexeme], leaves: dict[str, Control | Node], around: Enclosure | None
) -> Place:
    """The start node. Raises UnsupportedFeature where only dynamic lexing will do; Unsatisfiable."""
    if extension := _needs_dynamic(source, lexemes, leaves):
        written = source.dialect.in_the_users_words(extension)
        raise UnsupportedFeature(f"{written} needs dynamic lexing", where=source.where(extension))
    optional = {name for name, lexeme in lexemes.items() if lexeme.may_be_empty}
    rules = _productive(_with_optional(source.rules, optional), lexemes)
    _check_productive(source, rules)
    scanner = Scanner(list(source.terminals.values()), {name: lexeme.dfa for name, lexeme in lexemes.items()})
    controls = {name: leaf for name, leaf in leaves.items() if isinstance(leaf, Control)}
    tables = Tables(rules, source.start, source.where)
    spelled = (around or Enclosure()).spelled
    sizes = {name: int(spelled(lexeme.dfa).distance[START]) for name, lexeme in lexemes.items()}
    ahead = Ahead(tables, least_lengths(rules, sizes | dict.fromkeys(controls, 1)))
    where = source.where(source.start)
    return Machine(tables, scanner, ahead, frozenset(source.ignore), controls, around, where).start


def _check_productive(source: Source, rules: list[Rule]) -> None:
    fruitful = {rule.origin.name for rule in rules}
    barren = next((str(rule.origin.name) for rule in source.rules if rule.origin.name not in fruitful), "")
    if barren or len(rules) < len(source.rules):
        what = f"no text matches rule {barren!r}, and " if barren else ""
        raise UnsupportedFeature(f"{what}greedy lexing needs rules that all have a text", where=source.where(barren))


def _needs_dynamic(source: Source, lexemes: dict[str, Lexeme], leaves: dict[str, Control | Node]) -> str:
    """A terminal that is no lexeme of a contextual lexer; empty if there is none."""
    nodes = [name for name, leaf in leaves.items() if not isinstance(leaf, Control)]
    return next(iter([*nodes, *source.dialect.endings, *(lexemes.keys() - source.terminals.keys())]), "")


def _with_optional(rules: tuple[Rule, ...], optional: set[str]) -> list[Rule]:
    """`rules`, with an optional terminal in the place of each of `optional`."""
    found: list[Rule] = []
    for name in sorted(optional):
        symbol = NonTerminal(_maybe(name))
        found += [Rule(symbol, [Terminal(name)], 0), Rule(symbol, [], 1)]
    for rule in rules:
        expansion = [NonTerminal(_maybe(s.name)) if s.is_term and s.name in optional else s for s in rule.expansion]
        found.append(Rule(rule.origin, expansion, rule.order, rule.alias, rule.options))
    return found


def _maybe(terminal: str) -> str:
    return f"__maybe_{terminal}"


def _productive(rules: list[Rule], lexemes: dict[str, Lexeme]) -> list[Rule]:
    """The rules that have a text."""
    known = {name for name, lexeme in lexemes.items() if not lexeme.dfa.is_empty}
    names: set[str] = set()

    def has_text(rule: Rule) -> bool:
        return all(
            s.name in known if s.is_term and s.name in lexemes else s.is_term or s.name in names for s in rule.expansion
        )

    while more := {rule.origin.name for rule in rules if has_text(rule)} - names:
        look()
        names |= more
    return [rule for rule in rules if has_text(rule)]

"""Dynamic lexing: any way to cut the text into terminals will do.

A text is accepted if it can be cut into terminals of the grammar, with ignored terminals between
them, before the first and after the last, as the grammar says. That is what Lark's Earley parser does
with `lexer="dynamic_complete"`. (Python's preferences inside one terminal count there, too: see
preferred.py. One difference is left: Lark skips as much as an ignored terminal matches, and tries
nothing shorter. It shows only where another terminal can begin with ignored text.)

So the grammar is context-free, with the terminals' automata as its leaves:

    every terminal T   ->   T ignored*        and one  ignored*  at the very start
"""

from functools import reduce

from constrained.automata import algebra
from constrained.automata.dfa import Dfa
from constrained.completion import solve
from constrained.grammar import Control, Node, Rule, Terminal
from grammars.context_free import Body, Item, lower
from grammars.enclosed import Enclosure
from grammars.lark.preferred import repeated, without_empty
from grammars.lark.source import Source
from grammars.lark.terminals import Lexeme
from grammars.without_marks import without_marks

_IGNORED, _START = "%ignore", "%start"  # names that no rule can have


def dynamic(
    source: Source, lexemes: dict[str, Lexeme], leaves: dict[str, Control | Node], around: Enclosure | None
) -> Rule:
    """The start node of a grammar. Raises Unsatisfiable naming a rule that nothing matches."""
    around = around or Enclosure()
    ignored = _ignored([lexemes[name].dfa for name in source.ignore])
    trailing: Body = (_IGNORED,) if ignored is not None else ()
    productions: dict[str, list[Body]] = {_START: [(*trailing, source.start)]}
    if ignored is not None:
        productions[_IGNORED] = [(Terminal(around.spelled(ignored), "ignored"),), ()]
    names: dict[str, Item] = {}
    for name, lexeme in lexemes.items():
        names[name] = _name(name)
        leaf = Terminal(around.spelled(lexeme.dfa), name)
        productions[_name(name)] = [(leaf, *trailing), *([()] if lexeme.may_be_empty else [])]
    for name, leaf in leaves.items():
        names[name] = _name(name)
        productions[_name(name)] = [(leaf, *trailing)]
    for rule in source.rules:
        body = tuple(names[item.name] if item.is_term else item.name for item in rule.expansion)
        productions.setdefault(rule.origin.name, []).append(body)
    where = {name: source.where(name) for name in {rule.origin.name for rule in source.rules}}
    if around.marks:
        productions = without_marks(productions, _START, around.marks)
    where |= {_name(name): source.where(name) for name in lexemes}
    node = lower(productions, _START, where, {_name(name): source.called(name) for name in lexemes})
    solve(node)
    return node


def _name(terminal: str) -> str:
    return f"terminal {terminal}"


def _ignored(parts: list[Dfa]) -> Dfa | None:
    """Ignored terminals in a row, at least one; None if nothing is ignored."""
    parts = [part for part in parts if not part.is_empty]
    return without_empty(repeated(reduce(algebra.union, parts))) if parts else None

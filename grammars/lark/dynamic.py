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
from constrained.errors import GrammarError
from constrained.grammar import Control, Node, Rule, Terminal
from constrained.metering import metered
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.context_free import Body, Item, lower
from grammars.enclosed import Enclosure
from grammars.lark.preferred import repeated, without_empty
from grammars.lark.source import Source
from grammars.lark.terminals import Lexeme
from grammars.without_marks import without_marks

_IGNORED, _START = "%ignore", "%start"  # names that no rule can have


def dynamic(
    source: Source,
    lexemes: dict[str, Lexeme],
    leaves: dict[str, Control | Node],
    around: Enclosure | None,
    vocabulary: Vocabulary,
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
    for name, other in leaves.items():
        names[name] = _name(name)
        productions[_name(name)] = [(other, *trailing)]
    for rule in source.rules:
        body = tuple(names[item.name] if item.is_term else item.name for item in rule.expansion)
        productions.setdefault(rule.origin.name, []).append(body)
    where = {name: source.where(name) for name in {rule.origin.name for rule in source.rules}}
    if around.marks:
        productions = without_marks(productions, _START, around.marks)
    productions = _with_limits(productions, source, vocabulary)
    where |= {_name(name): source.where(name) for name in lexemes}
    node = lower(productions, _START, where, {_name(name): source.called(name) for name in lexemes})
    solve(node)
    return node


def _with_limits(productions: dict[str, list[Body]], source: Source, vocabulary: Vocabulary) -> dict[str, list[Body]]:
    """The same, with the terminals that must be written in so many tokens."""
    limits = {name: ending.most for name, ending in source.dialect.endings.items() if ending.most}
    made: dict[Item, Item] = {}
    for item in {item for bodies in productions.values() for body in bodies for item in body}:
        if isinstance(item, Terminal) and item.name in limits and isinstance(item.automaton, Dfa):
            try:
                made[item] = metered(item.automaton, item.name, limits[item.name], vocabulary)
            except GrammarError as error:
                raise type(error)(error.message, where=source.where(item.name), hint=error.hint) from error
    if not made:
        return productions
    return {
        name: [tuple(made.get(item, item) for item in body) for body in bodies] for name, bodies in productions.items()
    }


def _name(terminal: str) -> str:
    return f"terminal {terminal}"


def _ignored(parts: list[Dfa]) -> Dfa | None:
    """Ignored terminals in a row, at least one; None if nothing is ignored."""
    parts = [part for part in parts if not part.is_empty]
    return without_empty(repeated(reduce(algebra.union, parts))) if parts else None

"""LALR(1) tables against Lark's own: the same states, actions and kernels, and conflicts in the same grammars."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lark.common import ParserConf
from lark.exceptions import GrammarError
from lark.grammar import NonTerminal, Rule, RuleOptions, Terminal
from lark.load_grammar import load_grammar
from lark.parsers.lalr_analysis import LALR_Analyzer, Shift

from grammars.lark.lookahead import ROOT, Conflict, Reduction, analyse

FOLDER = Path(__file__).parents[1] / "conformance" / "lark"


def theirs(rules, start):
    """State -> actions, from the first state on in the order in which they are met; None for a conflict."""
    analysis = LALR_Analyzer(ParserConf(rules, {}, [start]), strict=True)
    try:
        analysis.compute_lalr()
    except GrammarError:
        return None
    table = analysis.parse_table
    actions = [
        {
            str(name): int(target) if kind is Shift else Reduction(str(target.origin.name), len(target.expansion))
            for name, (kind, target) in table.states[state].items()
        }
        for state in range(len(table.states))
    ]
    kernels = [{item(pointer) for pointer in one.kernel} for one in analysis.lr0_itemsets]
    return in_order(actions, kernels, table.start_states[start], table.end_states[start])


def item(pointer):
    origin = str(pointer.rule.origin.name)
    left = tuple(symbol.name for symbol in pointer.rule.expansion[pointer.index :])
    return ROOT if origin == "$root_start" else origin, pointer.index, left


def ours(rules, start):
    try:
        found = analyse(rules, start)
    except Conflict:
        return None
    kernels = [{(item.origin, item.read, item.left) for item in kernel} for kernel in found.kernels]
    return in_order(found.actions, kernels, 0, found.end)


def in_order(actions, kernels, first, end):
    """The same with states numbered as they are met, symbols by name."""
    number, todo = {first: 0}, [first]
    for state in todo:
        for _, target in sorted((name, one) for name, one in actions[state].items() if isinstance(one, int)):
            if target not in number:
                number[target] = len(number)
                todo.append(target)
    rows = [
        {name: number[one] if isinstance(one, int) else one for name, one in actions[state].items()} for state in todo
    ]
    return rows, [kernels[state] for state in todo], number[end]


def check(rules, start="start"):
    found, wanted = ours(rules, start), theirs(rules, start)
    assert found == wanted
    return found


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.lark")), ids=lambda path: path.stem)
def test_tables_of_real_grammars_are_larks(path):
    grammar, _ = load_grammar(path.read_text(), "<grammar>", [], False)
    _, rules, _ = grammar.compile(["start"], [])
    check(rules)


@pytest.mark.parametrize(
    ("text", "has_tables"),
    [
        ("start: a\na: b a | \nb: X", True),
        ("start: a b\na: X?\nb: a Y", False),
        ("start: a X | Y a Z | b Z | Y b X\na: W\nb: W", False),  # LR(1), not LALR(1)
        ("start: a | b\na.2: X\nb.1: X", True),  # reduce/reduce, decided by priority
        ("start: a | b\na: X\nb: X", False),
        ("start: a c\na: b d\nb: X | X b\nc: | Y\nd: | Z c", False),
        ("start: s\ns: l E r | r\nl: S r | I\nr: l", True),
    ],
)
def test_tables_of_small_grammars_are_larks(text, has_tables):
    names = "".join(f"\n{name}: /{name.lower()}/" for name in "EISWXYZ")
    grammar, _ = load_grammar(text + names, "<grammar>", [], False)
    _, rules, _ = grammar.compile(["start"], [])
    assert (check(rules) is not None) == has_tables


SYMBOLS = [NonTerminal(name) for name in ("start", "a", "b", "c")] + [Terminal(name) for name in "XYZ"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.lists(st.sampled_from(SYMBOLS), max_size=3)), max_size=7), st.data())
def test_tables_of_random_grammars_are_larks(given, data):
    bodies = dict.fromkeys((origin, tuple(body)) for origin, body in given)
    bodies |= {(origin, (Terminal(f"W{origin}"),)): None for origin in range(4)}  # every rule has a text
    rules = [
        Rule(SYMBOLS[origin], list(body), order, None, RuleOptions(priority=data.draw(st.integers(0, 2))))
        for order, (origin, body) in enumerate(bodies)
    ]
    check(rules)

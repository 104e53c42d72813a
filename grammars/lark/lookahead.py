"""LALR(1) tables: what a state shifts, and before which terminals it reduces which rule.

    kernel       a state: the rules it is in the middle of, as items (rule, dot); here  sum: sum . "+" n
    entered      the rules it is at the beginning of: those of every nonterminal that can come next
    transition   (state, nonterminal); `follow` is what can come after that nonterminal, there:

        follow(p, A)  =  the terminals shifted after it, behind what may be empty          (reads)
                      +  follow(q, B) where a rule of B begun in q ends with this A        (includes)

A rule is reduced before the follow of the transition that its origin will make. F. DeRemer and T. Pennello,
*Efficient computation of LALR(1) look-ahead sets*, 1982. Sets of terminals and nonterminals are integers.

The tables are those of Lark's `LALR_Analyzer`, also where Lark includes more than it must: it looks for the ends of
the rules that a state is in the middle of, too, as if they began there. Its contextual lexer looks for the terminals
of the table, so a smaller table would cut texts in another way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lark.grammar import Rule, Symbol

from constrained.deadline import look

END = "$END"
ROOT = "$root"


class Conflict(Exception):
    """The grammar is not LALR(1): in some state `rule` may be reduced before a terminal, and something else done."""

    def __init__(self, message: str, rule: Rule) -> None:
        super().__init__(message)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Reduction:
    """Replace the topmost `size` states by the one that `origin` leads to."""

    origin: str
    size: int


Action = int | Reduction  # shift to this state, or reduce


@dataclass(frozen=True, slots=True)
class Item:
    """A rule of `origin`, of which `read` symbols are on the stack and `left` are to come."""

    origin: str
    read: int
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Analysis:
    """actions[state], kernels[state]; state 0 is the first one, and in state `end` the sentence may end."""

    actions: list[dict[str, Action]]
    kernels: list[list[Item]]
    end: int


def analyse(rules: Sequence[Rule], start: str) -> Analysis:
    """The tables of a grammar whose rules all have a text. Raises Conflict."""
    automaton = _Automaton(_Numbered(rules, start))
    follows = _follows(automaton)
    return _tables(automaton, rules, follows)


class _Numbered:
    """A grammar in numbers: symbols (nonterminals are the first `nonterminals` of them, the root is 0), rules, items.

    The items of rule r are first[r] + dot. The root's rule is the last one, and 0 its origin.
    """

    def __init__(self, rules: Sequence[Rule], start: str) -> None:
        origins = dict.fromkeys([ROOT, *(rule.origin.name for rule in rules)])
        others = dict.fromkeys(s.name for rule in rules for s in rule.expansion if s.is_term)
        self.names = [str(name) for name in (*origins, *others, END)]
        self.nonterminals = len(origins)
        nonterminal = {name: number for number, name in enumerate(origins)}
        terminal = {name: number for number, name in enumerate((*others, END), start=len(origins))}
        self.end = len(self.names) - 1

        def number(symbol: Symbol) -> int:
            return terminal[symbol.name] if symbol.is_term else nonterminal[symbol.name]

        self.bodies = [tuple(number(symbol) for symbol in rule.expansion) for rule in rules]
        self.bodies.append((nonterminal[start],))
        self.origins = [nonterminal[rule.origin.name] for rule in rules] + [0]
        self.rules_of: list[list[int]] = [[] for _ in origins]
        for rule, origin in enumerate(self.origins):
            self.rules_of[origin].append(rule)
        self.first: list[int] = []
        self.rule_of: list[int] = []  # of an item
        self.next: list[int] = []  # the symbol behind the dot; -1 at the end of the rule
        for rule, body in enumerate(self.bodies):
            self.first.append(len(self.next))
            self.rule_of += [rule] * (len(body) + 1)
            self.next += [*body, -1]
        self.nullable = self._nullable()

    def _nullable(self) -> set[int]:
        found = set[int]()
        while more := {o for o, body in zip(self.origins, self.bodies, strict=True) if found.issuperset(body)} - found:
            look()
            found |= more
        return found

    def corners(self) -> list[int]:
        """By nonterminal: the nonterminals that its rules can begin with, itself included, and theirs; bit sets."""
        edges = [
            [self.bodies[rule][0] for rule in rules if self.bodies[rule] and self.bodies[rule][0] < self.nonterminals]
            for rules in self.rules_of
        ]
        return _joined([1 << number for number in range(self.nonterminals)], edges)


class _Automaton:
    """The states: `kernels` (items, ascending), `moves` (symbol -> state), `entered` (nonterminals, a bit set)."""

    def __init__(self, grammar: _Numbered) -> None:
        self.grammar = grammar
        corners = grammar.corners()
        begun: list[dict[int, list[int]]] = []  # by nonterminal: symbol -> items of its rules once that is read
        for rules in grammar.rules_of:
            begun.append({})
            for rule in rules:
                if grammar.bodies[rule]:
                    begun[-1].setdefault(grammar.bodies[rule][0], []).append(grammar.first[rule] + 1)
        self.kernels: list[tuple[int, ...]] = [(grammar.first[-1],)]
        number = {self.kernels[0]: 0}
        self.moves: list[dict[int, int]] = []
        self.entered: list[int] = []
        for kernel in self.kernels:
            look()
            after: dict[int, list[int]] = {}
            entered = 0
            for item in kernel:
                symbol = grammar.next[item]
                if symbol >= 0:
                    after.setdefault(symbol, []).append(item + 1)
                    if symbol < grammar.nonterminals:
                        entered |= corners[symbol]
            for nonterminal in bits(entered):
                for symbol, items in begun[nonterminal].items():
                    after.setdefault(symbol, []).extend(items)
            moves: dict[int, int] = {}
            for symbol, items in after.items():
                key = tuple(sorted(items))
                if key not in number:
                    number[key] = len(number)
                    self.kernels.append(key)
                moves[symbol] = number[key]
            self.moves.append(moves)
            self.entered.append(entered)

    def reduced(self, state: int) -> Iterator[int]:
        """The rules that have been read when this state is on top."""
        grammar = self.grammar
        yield from (grammar.rule_of[item] for item in self.kernels[state] if grammar.next[item] < 0)
        for nonterminal in bits(self.entered[state]):
            yield from (rule for rule in grammar.rules_of[nonterminal] if not grammar.bodies[rule])


def _follows(automaton: _Automaton) -> dict[tuple[int, int], int]:
    """By state and rule read there: the terminals before which it is reduced, a bit set."""
    grammar, moves = automaton.grammar, automaton.moves
    transitions = [(p, a) for p, moved in enumerate(moves) for a in moved if a < grammar.nonterminals]
    number = {transition: index for index, transition in enumerate(transitions)}
    shifted = [sum(1 << s for s in moved if s >= grammar.nonterminals) for moved in moves]
    empty = [[a for a in moved if a in grammar.nullable] for moved in moves]
    reads: list[list[int]] = []
    direct: list[int] = []
    for p, a in transitions:
        target = moves[p][a]
        begins = p == 0 and a == grammar.bodies[-1][0]
        direct.append(shifted[target] | (1 << grammar.end if begins else 0))
        reads.append([number[target, c] for c in empty[target]])
    includes: list[list[int]] = [[] for _ in transitions]
    back: list[tuple[int, int, int]] = []  # transition, state where a rule of it has been read, rule
    for index, (p, a) in enumerate(transitions):
        look()
        begun = [(item, grammar.rule_of[item]) for item in automaton.kernels[p] if p and grammar.next[item] >= 0]
        items = [item for item, rule in begun if grammar.origins[rule] == a]
        if automaton.entered[p] >> a & 1:
            items += [grammar.first[rule] for rule in grammar.rules_of[a]]
        for item in items:
            state = p
            for at in range(item, grammar.first[grammar.rule_of[item]] + len(grammar.bodies[grammar.rule_of[item]])):
                symbol = grammar.next[at]
                if symbol < grammar.nonterminals and _ends_empty(grammar, at + 1):
                    includes[number[state, symbol]].append(index)
                state = moves[state][symbol]
            if item == grammar.first[grammar.rule_of[item]]:
                back.append((index, state, grammar.rule_of[item]))
    follow = _joined(_joined(direct, reads), includes)
    found: dict[tuple[int, int], int] = {}
    for index, state, rule in back:
        found[state, rule] = found.get((state, rule), 0) | follow[index]
    return found


def _ends_empty(grammar: _Numbered, item: int) -> bool:
    """May all that is behind the dot be empty?"""
    while (symbol := grammar.next[item]) >= 0:
        if symbol not in grammar.nullable:
            return False
        item += 1
    return True


def _tables(automaton: _Automaton, rules: Sequence[Rule], follows: dict[tuple[int, int], int]) -> Analysis:
    grammar = automaton.grammar
    names = grammar.names
    reductions = [Reduction(str(rule.origin.name), len(rule.expansion)) for rule in rules]
    actions: list[dict[str, Action]] = [
        {names[symbol]: target for symbol, target in moved.items()} for moved in automaton.moves
    ]
    for state, row in enumerate(actions):
        look()
        chosen: dict[int, int] = {}  # terminal -> rule
        for rule in automaton.reduced(state):
            for terminal in bits(follows.get((state, rule), 0)):
                chosen[terminal] = _better(rules, chosen.get(terminal, rule), rule, names[terminal])
        for terminal, rule in chosen.items():
            if names[terminal] in row:
                raise Conflict(f"Shift/Reduce conflict for terminal {names[terminal]}: {rules[rule]}", rules[rule])
            row[names[terminal]] = reductions[rule]
    kernels = [[_item(grammar, item) for item in kernel] for kernel in automaton.kernels]
    return Analysis(actions, kernels, automaton.moves[0][grammar.bodies[-1][0]])


def _better(rules: Sequence[Rule], one: int, other: int, terminal: str) -> int:
    """Of two rules that may be reduced, the one of higher priority. Raises Conflict."""
    ranks = [rules[rule].options.priority or 0 for rule in (one, other)]
    if one != other and ranks[0] == ranks[1]:
        what = f"Reduce/Reduce conflict for terminal {terminal}: {rules[one]} or {rules[other]}"
        raise Conflict(what, rules[other])
    return one if ranks[0] >= ranks[1] else other


def _item(grammar: _Numbered, item: int) -> Item:
    rule = grammar.rule_of[item]
    read = item - grammar.first[rule]
    left = tuple(grammar.names[symbol] for symbol in grammar.bodies[rule][read:])
    return Item(grammar.names[grammar.origins[rule]], read, left)


def _joined(sets: Sequence[int], edges: Sequence[Sequence[int]]) -> list[int]:
    """Each of `sets`, with those of all that `edges` lead to, over any number of them."""
    found = list(sets)
    users: list[list[int]] = [[] for _ in sets]
    for one, targets in enumerate(edges):
        for target in targets:
            users[target].append(one)
    todo = list(range(len(sets)))
    while todo:
        look()
        here = todo.pop()
        for user in users[here]:
            if found[here] & ~found[user]:
                found[user] |= found[here]
                todo.append(user)
    return found


def bits(number: int) -> Iterator[int]:
    """The members of a bit set, ascending."""
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low

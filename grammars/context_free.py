"""Context-free productions to nodes that a matcher can open: no left recursion, nothing empty.

    sum: product | sum "+" product            sum  -> product more
                                              more -> "+" product more | (nothing)

A matcher opens a node until terminals stand in front, so a node must not reach itself without reading
(grammar.py). We only recognise, so rules may be turned around: read a *left corner* first, then ask what
may follow once it is known (D. Rosenkrantz and P. Lewis, *Deterministic left corner parsing*, 1970):

    nonempty(A)    a text of A but the empty one
    after(A, X)    what may follow an X with which an A has begun, up to the end of that A

    nonempty(A) -> x rest after(A, Y)      for every Y -> x rest,  x no left-recursive symbol
    after(A, X) -> rest after(A, Z)        for every Z -> X rest;  nothing, if X is A

Only rules of one strongly connected component of the left-corner relation are treated so; the rest
stays as written. The size is at most (left-recursive rules)^2; Paull's substitution is exponential.

What may be empty is split off first (`nonempty`), so every sequence begins with a symbol that reads,
and recursion hidden behind empty symbols is seen. And since `A after(A, A)` says no more than `A`,
the latter is written: so the stack of a long `a + b + c ...` stays flat, also for `e: e "+" e`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from constrained.automata.dfa import Dfa
from constrained.errors import Unsatisfiable
from constrained.grammar import Control, Node, Rule, Sequence, Terminal

Leaf = Terminal | Control | Node
Item = str | Leaf  # a name of the grammar, or what is read: never the empty text
Body = tuple[Item, ...]
Productions = Mapping[str, Iterable[Body]]


def lower(
    productions: Productions,
    start: str,
    where: Mapping[str, str] | None = None,
    called: Mapping[str, str] | None = None,
) -> Rule:
    """The node of `start`. Raises Unsatisfiable if no text at all can be derived from it.

    For that error, `where`: places of the names; `called`: what those are called that are no rules.
    """
    try:
        return _Lowering(productions, start).start(start)
    except _Barren as error:
        what = (called or {}).get(error.name) or f"rule {error.name!r}"
        raise Unsatisfiable(f"no text matches {what}", where=(where or {}).get(error.name, "")) from None


class _Barren(Exception):
    """No text can be derived from the start, since none can be from `name`."""

    def __init__(self, name: str) -> None:
        self.name = name


@dataclass(slots=True)
class _Component:
    """Rules that can begin with one another, and which of them begins with what.

    enters   (A, x rest) for every A -> x rest where x is no member
    climbs   X -> (Z, rest) for every Z -> X rest where X is a member: what an X can stand first in
    """

    enters: list[tuple[str, Body]] = field(default_factory=list[tuple[str, Body]])
    climbs: dict[str, list[tuple[str, Body]]] = field(default_factory=dict[str, list[tuple[str, Body]]])


class _Lowering:
    def __init__(self, productions: Productions, start: str) -> None:
        given = {name: list(dict.fromkeys(bodies)) for name, bodies in productions.items()}
        fruitful = _least(given, lambda item, known: item in known if isinstance(item, str) else not _is_empty(item))
        if start not in fruitful:
            raise _Barren(_guilty(given, fruitful, start))
        self._rules = {
            name: [body for body in bodies if not any(_barren(item, fruitful) for item in body)]
            for name, bodies in given.items()
            if name in fruitful
        }
        self._nullable = _least(self._rules, lambda item, known: item in known)
        self._blank = _blank(self._rules)
        self._component_of = self._components()
        self._nodes: dict[tuple[str, ...], Rule] = {}
        self._todo: list[tuple[str, ...]] = []

    def start(self, name: str) -> Rule:
        """The node of `name`, and all that it leads to."""
        node = self._node("full" if name in self._nullable else "nonempty", name)
        while self._todo:
            key = self._todo.pop()
            self._nodes[key].alternatives = self._alternatives(*key)
        return node

    # ------------------------------------------------------------ left corners

    def _splits(self, body: Body) -> list[tuple[Item, Body]]:
        """The ways in which `body` reads something: its first symbol that is not empty, and the rest."""
        found: list[tuple[Item, Body]] = []
        for index, item in enumerate(body):
            if item not in self._blank:
                found.append((item, body[index + 1 :]))
            if item not in self._nullable:
                break
        return found

    def _components(self) -> dict[str, _Component]:
        """The component of every left-recursive rule."""
        splits = {
            name: [split for body in bodies for split in self._splits(body)] for name, bodies in self._rules.items()
        }
        corners = {name: [first for first, _ in found if isinstance(first, str)] for name, found in splits.items()}
        found: dict[str, _Component] = {}
        for members in strongly_connected(corners):
            if len(members) == 1 and members[0] not in corners[members[0]]:
                continue
            component = _Component()
            found.update(dict.fromkeys(members, component))
            for name in members:
                for first, rest in splits[name]:
                    if isinstance(first, str) and first in members:
                        component.climbs.setdefault(first, []).append((name, rest))
                    else:
                        component.enters.append((name, (first, *rest)))
        return found

    # ------------------------------------------------------------ nodes

    def _item(self, item: Item) -> Leaf:
        """Any text of `item`."""
        if not isinstance(item, str):
            return item
        return self._node("full", item) if item in self._nullable else self._node("nonempty", item)

    def _nonempty(self, item: Item) -> Leaf:
        return self._node("nonempty", item) if isinstance(item, str) else item

    def _node(self, *key: str) -> Rule:
        node = self._nodes.get(key)
        if node is None:
            node = self._nodes[key] = Rule(" after ".join(key[1:]))
            self._todo.append(key)
        return node

    def _alternatives(self, kind: str, name: str, begun: str = "") -> tuple[Sequence, ...]:
        component = self._component_of.get(name)
        if kind == "full":
            return ((),) if name in self._blank else ((self._node("nonempty", name),), ())
        if component is None:
            found = [self._written(split) for body in self._rules[name] for split in self._splits(body)]
        elif kind == "nonempty":
            found = [self._then((first, rest), name, entered) for entered, (first, *rest) in component.enters]
        else:
            found = self._after(component, name, begun)
        return tuple(dict.fromkeys(found))

    def _after(self, component: _Component, goal: str, begun: str) -> list[Sequence]:
        """The alternatives of after(goal, begun)."""
        found: list[Sequence] = []
        reached = [begun]
        for name in reached:
            if name == goal:
                found.append(())
            for above, rest in component.climbs.get(name, ()):
                found.extend(self._then(split, goal, above) for split in self._splits(rest))
                if all(item in self._nullable for item in rest) and above not in reached:
                    reached.append(above)  # nothing more need be read to have an `above`
        return found

    def _written(self, split: tuple[Item, Iterable[Item]]) -> Sequence:
        first, rest = split
        return (self._nonempty(first), *(self._item(item) for item in rest if item not in self._blank))

    def _then(self, split: tuple[Item, Iterable[Item]], goal: str, begun: str) -> Sequence:
        """A split, then after(goal, begun)."""
        first, rest = split
        written = self._written((first, rest := tuple(rest)))
        if begun == goal and (rest[-1] if rest else first) == goal:
            return written
        return (*written, self._node("after", goal, begun))


# ---------------------------------------------------------------- analysis


def _least(rules: Mapping[str, list[Body]], good: Callable[[Item, set[str]], bool]) -> set[str]:
    """The least set of names that have a body of which all items are good."""
    users: dict[str, set[str]] = {}
    for name, bodies in rules.items():
        for item in (item for body in bodies for item in body if isinstance(item, str)):
            users.setdefault(item, set()).add(name)
    known: set[str] = set()
    todo = list(rules)
    while todo:
        name = todo.pop()
        if name not in known and any(all(good(item, known) for item in body) for body in rules[name]):
            known.add(name)
            todo.extend(users.get(name, ()))
    return known


def _is_empty(leaf: Leaf) -> bool:
    return isinstance(leaf, Terminal) and isinstance(leaf.automaton, Dfa) and leaf.automaton.is_empty


def _barren(item: Item, fruitful: set[str]) -> bool:
    return item not in fruitful if isinstance(item, str) else _is_empty(item)


def _blank(rules: Mapping[str, list[Body]]) -> set[str]:
    """The names whose only text is the empty one."""
    reading: dict[str, list[Body]] = {
        name: [(item,) for body in bodies for item in body] for name, bodies in rules.items()
    }
    return rules.keys() - _least(reading, lambda item, known: item in known if isinstance(item, str) else True)


def _guilty(rules: Mapping[str, list[Body]], fruitful: set[str], name: str) -> str:
    """The deepest rule that is to blame: one that fails whatever becomes of others, if there is one."""
    seen = [name]
    for here in seen:
        barren = [item for body in rules.get(here, []) for item in body if _barren(item, fruitful)]
        names = [item for item in barren if isinstance(item, str)]
        if not names or len(names) < len(barren):
            return here
        seen.extend(item for item in names if item not in seen)
    return seen[-1]


def strongly_connected(edges: Mapping[str, list[str]]) -> list[list[str]]:
    """The strongly connected components of a graph (R. Tarjan, 1972), without recursion."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    waiting: set[str] = set()
    found: list[list[str]] = []
    for root in edges:
        if root in index:
            continue
        path = [(root, iter(edges[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        waiting.add(root)
        while path:
            name, targets = path[-1]
            target = next(targets, None)
            if target is None:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[name])
                if low[name] == index[name]:
                    cut = stack.index(name)
                    found.append(stack[cut:])
                    waiting.difference_update(stack[cut:])
                    del stack[cut:]
            elif target not in index:
                index[target] = low[target] = len(index)
                stack.append(target)
                waiting.add(target)
                path.append((target, iter(edges.get(target, ()))))
            elif target in waiting:
                low[name] = min(low[name], index[target])
    return found

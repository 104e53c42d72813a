"""Which classes can have no instance in a circle of references: Python's collector need not look at those.

    Texts   chosen: frozenset[str], dfa: Dfa, also: tuple[Texts, ...]    refers to texts that were there before it
    Rest    below: Rest, _first: Rest                                    is put above `below`, which then refers to it

A graph of types is drawn from the annotations: an arrow from each class to those that something in its fields may be an
instance of. A circle of instances is one of types, and what closes it is an assignment to what was there already.
So a class is *acyclic* if it leads to nothing unknown, and on every circle of types through it there are only arrows of
birth: of fields that `__init__` alone assigns, and that hold what cannot change but by its own fields.

Unknown is what `object`, `Any`, callables, type variables and protocols stand for, classes of others, and those that
others may have subclasses of. All arrows of an `__init__` that hands out `self`, or calls a method, are late: what it
makes may refer to it. An acyclic instance may be held by what is in a circle, and may hold it: it goes when nobody
refers to it any more, as all do.
"""

import ast
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from constrained.native.fields import assigned_outside, fields_of, hands_out_self, is_frozen

UNKNOWN = "?"

# What holds nothing, as far as circles are concerned.
_ATOMS = frozenset(
    "int float complex str bytes bytearray bool None range Fraction Decimal Literal NDArray re.Pattern Lock RLock "
    "threading.Lock ...".split()
)
_BORN = frozenset("tuple frozenset Final Annotated Optional Union".split())  # hold for ever what they hold at birth
_LATE = frozenset("list dict set deque defaultdict OrderedDict Sequence Mapping Collection MappingProxyType".split())
_ENUMS = frozenset("Enum IntEnum StrEnum Flag".split())  # whose members are never dropped
_HARMLESS = frozenset("ABC Protocol NamedTuple Generic object Mapping Sequence Collection Hashable".split()) | _ENUMS

_Arrow = tuple[str, bool]  # to which class, or UNKNOWN; is it late?
_Graph = dict[str, set[str]]  # a class `module.Name`, or `module.Name*`: it or any subclass of it


@dataclass
class _Class:
    name: str  # module.Name
    module: str
    statement: ast.ClassDef
    bases: list[str] = field(default_factory=list[str])  # of ours
    others: list[str] = field(default_factory=list[str])  # in words
    subclasses: list[str] = field(default_factory=list[str])


def acyclic(texts: Mapping[str, str], opened: Collection[str], declared: Collection[str] = ()) -> set[str]:
    """The classes, as `module.Name`, that can have no instance in a circle, and may be said to mypyc to have none.

    texts     of all modules, by name
    opened    names of classes that others may have subclasses of
    declared  classes that are taken for acyclic
    """
    return _Types(texts, opened, declared).acyclic()


class _Types:
    """The graph of types."""

    def __init__(self, texts: Mapping[str, str], opened: Collection[str], declared: Collection[str]) -> None:
        self._trees = {module: ast.parse(text) for module, text in texts.items()}
        self._opened = opened
        self._names = {module: _names(tree) for module, tree in self._trees.items()}
        self._classes = {
            f"{module}.{statement.name}": _Class(f"{module}.{statement.name}", module, statement)
            for module, tree in self._trees.items()
            for statement in tree.body
            if isinstance(statement, ast.ClassDef)
        }
        self._declared = self._classes.keys() & declared
        self._assigned = assigned_outside(self._trees.values())
        self._containers = defaultdict[str, list[tuple[str, ast.expr | None]]](list)  # which ours are, and of what
        for each in self._classes.values():
            for base in each.statement.bases:
                whole, of = (base.value, base.slice) if isinstance(base, ast.Subscript) else (base, None)
                found = self._class_named(whole, each.module)
                if found is None:
                    each.others.append(ast.unparse(whole))
                    self._containers[ast.unparse(whole)].append((each.name, of))
                else:
                    each.bases.append(found)
                    self._classes[found].subclasses.append(each.name)

    def acyclic(self) -> set[str]:
        """See above."""
        graph, late = self._graph()
        component = _components(graph)
        closed = {component[a] for a, b in late if component[a] == component[b]}
        lost = _leading_to(UNKNOWN, graph)
        fine = {name for name in self._classes if name not in lost and component[name] not in closed}
        fine = {name for name in fine | self._declared if self._may_be_said(self._classes[name])}
        while wrong := {name for name in fine if not fine.issuperset(self._classes[name].bases)}:
            fine -= wrong  # mypyc wants it of the bases, too
        return fine

    def _may_be_said(self, each: _Class) -> bool:
        """Will mypyc take it? (Classes of Python, such as enumerations, look after themselves.)"""
        return each.statement.name not in self._opened and all(other == "ABC" for other in each.others)

    def _graph(self) -> tuple[_Graph, set[tuple[str, str]]]:
        """All arrows, and those of them that are late."""
        graph: _Graph = {UNKNOWN: set()}
        late: set[tuple[str, str]] = set()
        for name, each in self._classes.items():
            graph[f"{name}*"] = {name, *(f"{sub}*" for sub in each.subclasses)}
            if each.statement.name in self._opened or "Protocol" in each.others:
                graph[f"{name}*"].add(UNKNOWN)
            arrows: set[_Arrow] = set() if name in self._declared else set(self._arrows(each))
            graph[name] = {to for to, _ in arrows}
            late |= {(name, to) for to, is_late in arrows if is_late}
        return graph, late

    def _arrows(self, each: _Class) -> Iterator[_Arrow]:
        """What the fields of a class hold, inherited ones included."""
        above = list(self._with_bases(each))
        leaks = any(hands_out_self(one.statement) for one in above)
        for one in above:
            if not _HARMLESS.issuperset(one.others):
                yield UNKNOWN, True
            for name, note, late in fields_of(one.statement):
                late = late or leaks or (name in self._assigned and not is_frozen(one.statement))
                for to, changes in self._held(note, one.module):
                    yield to, late or changes

    def _with_bases(self, each: _Class) -> Iterator[_Class]:
        yield each
        for base in each.bases:
            yield from self._with_bases(self._classes[base])

    # ------------------------------------------------------------------ what annotations say

    def _held(self, note: ast.expr | None, module: str, seen: frozenset[str] = frozenset()) -> Iterator[_Arrow]:
        """What something with this annotation is an instance of, or holds. `seen`: aliases it is part of."""
        match note:
            case ast.Constant(value=str(text)):
                yield from self._held(ast.parse(text, mode="eval").body, module, seen)
            case ast.Constant():
                pass
            case ast.BinOp(left, _, right):
                yield from self._held(left, module, seen)
                yield from self._held(right, module, seen)
            case ast.Name() | ast.Attribute():
                yield from self._named(note, module, seen)
            case ast.Subscript(value, inside):
                yield from self._container(value, inside, module, seen)
            case ast.Tuple(parts):
                for part in parts:
                    yield from self._held(part, module, seen)
            case _:
                yield UNKNOWN, True

    def _container(self, value: ast.expr, inside: ast.expr, module: str, seen: frozenset[str]) -> Iterator[_Arrow]:
        name = ast.unparse(value)
        if self._is_ours(value, module) or name not in _ATOMS | _BORN | _LATE:
            yield from self._named(value, module, seen)
        elif name not in _ATOMS:
            for to, late in self._held(inside, module, seen):
                yield to, late or name in _LATE
            for ours, of in self._containers[name]:
                if self._may_be(inside, module, of, self._classes[ours].module):
                    yield f"{ours}*", False

    def _may_be(self, wanted: ast.expr, module: str, given: ast.expr | None, where: str) -> bool:
        """May a container of what is `given` be one of what is `wanted`? Not if one of the two holds nothing else."""
        return any(True for _ in self._held(wanted, module)) == any(True for _ in self._held(given, where))

    def _named(self, note: ast.expr, module: str, seen: frozenset[str]) -> Iterator[_Arrow]:
        found = self._class_named(note, module)
        if found is not None:
            if _ENUMS.isdisjoint(self._classes[found].others):
                yield f"{found}*", False
            return
        where, alias = self._alias(note, module)
        if alias is not None:
            key = f"{where}.{ast.unparse(alias)}"
            if key not in seen:
                yield from self._held(alias, where, seen | {key})
        elif self._is_ours(note, module) or ast.unparse(note) not in _ATOMS:
            yield UNKNOWN, True

    # ------------------------------------------------------------------ names

    def _is_ours(self, note: ast.expr, module: str) -> bool:
        """Has one of the modules given this name?"""
        return (self._found(note, module) or "").rpartition(".")[0] in self._trees

    def _class_named(self, note: ast.expr, module: str) -> str | None:
        found = self._found(note, module)
        return found if found in self._classes else None

    def _alias(self, note: ast.expr, module: str) -> tuple[str, ast.expr | None]:
        """The module and the value of an alias; no value if it is none."""
        where, _, name = (self._found(note, module) or "").rpartition(".")
        value = self._names.get(where, {}).get(name)
        if isinstance(value, ast.Call):
            return where, value.args[1] if ast.unparse(value.func) == "NewType" else None
        return where, value if isinstance(value, ast.expr) else None

    def _found(self, note: ast.expr, module: str) -> str | None:
        """The `module.name` in which something was bound first; None if nobody but Python has."""
        match note:
            case ast.Name(id=name):
                bound = self._names.get(module, {}).get(name)
                if not isinstance(bound, str):
                    return None if bound is None else f"{module}.{name}"
                where, _, original = bound.rpartition(".")
                known = original in self._names.get(where, {})
                return self._found(ast.Name(original), where) if known else bound
            case ast.Attribute(value=value, attr=name):
                above = self._found(value, module)
                return self._found(ast.Name(name), above) if above in self._trees else None
            case _:
                return None


def _names(tree: ast.Module) -> dict[str, "str | ast.expr | ast.ClassDef"]:
    """What a module's names stand for: `module.name` for what is imported, the value of an alias, a class."""
    names: dict[str, str | ast.expr | ast.ClassDef] = {}
    for statement in ast.walk(tree):
        if isinstance(statement, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{statement.module}.{alias.name}" for alias in statement.names}
    for statement in tree.body:
        match statement:
            case ast.ClassDef(name=name):
                names[name] = statement
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                names[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                names[name] = value
            case _:
                pass
    return names


# ---------------------------------------------------------------------- graphs


def _leading_to(end: str, graph: _Graph) -> set[str]:
    """The nodes from which there is a way to `end`."""
    before = defaultdict[str, list[str]](list)
    for node, after in graph.items():
        for one in after:
            before[one].append(node)
    found, todo = {end}, [end]
    while todo:
        fresh = set(before[todo.pop()]) - found
        found |= fresh
        todo += fresh
    return found


def _components(graph: _Graph) -> dict[str, int]:
    """The strongly connected component of each node, by R. Tarjan's algorithm, without recursion."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    component: dict[str, int] = {}
    stack: list[str] = []
    todo: list[tuple[str, Iterator[str]]] = []

    def enter(node: str) -> None:
        number[node] = low[node] = len(number)
        stack.append(node)
        todo.append((node, iter(graph[node])))

    for root in graph:
        if root not in number:
            enter(root)
        while todo:
            node, rest = todo[-1]
            after = next(rest, None)
            if after is None:
                todo.pop()
                if todo:
                    low[todo[-1][0]] = min(low[todo[-1][0]], low[node])
                if low[node] == number[node]:
                    at = stack.index(node)
                    component |= dict.fromkeys(stack[at:], number[node])
                    del stack[at:]
            elif after not in number:
                enter(after)
            elif after not in component:
                low[node] = min(low[node], number[after])
    return component

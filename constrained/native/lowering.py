"""Sources as mypyc takes them: what means the same to Python, in words that mypyc compiles rightly.

The text of a module goes in, its text with the same lines in the same order comes out, and some lines between them:
- What dataclasses have generated is written out; see data.py.
- `slots` and `weakref_slot` of dataclasses go: compiled classes have slots. What is kept weakly gets the field `WEAK`,
  which weak_references.py makes into the head of the list of its weak references.
- A `cached_property` is computed anew at every access in a compiled class: it becomes a property over a field.
- `ABC` as a base gives a class a `__dict__`: `metaclass=ABCMeta` says the same.
- Generic dataclasses and classes below `threading.local` stay classes of Python, of compiled functions.
- `NDArray[...]` is `Any`, as numpy is: an alias of it would not be a type.
- An alias that says itself has `Any` in its place: mypyc ends there.
- `isinstance(x, A | B)` names a tuple: the union would be made each time, and then asked.
- Names of modules that are bound once are `Final`: constants are folded, and others not looked up in a dictionary.
- What a class that is open to others only declares is a property: subclasses keep it as they like.
- A `Final` field of a dataclass with `field(...)` loses the `Final`.
- Classes that can have no instance in a circle (circles.py) are left alone by Python's collector.

Invariant: what is lowered means the same to mypy and to Python, but that frozen classes let their own methods assign.
"""

import ast
import re
from collections.abc import Collection
from dataclasses import dataclass, field

from constrained.native.data import Field, Tables, decorator_of, methods, options_of
from constrained.native.readable import MARK

WEAK = "weakly_referred_by"

_HEADER = (
    "from dataclasses import field as _field; from mypy_extensions import mypyc_attr as _mypyc_attr; "
    "from abc import ABCMeta as _ABCMeta; from typing import Any as _Any, Final as _Final; "
    "from importlib import import_module as _import_module; "
)

_SUBSCRIPTABLE = (
    "    @classmethod",
    "    def __class_getitem__(cls, item: _Any) -> _Any:",
    "        return cls",
    "",
)

# Names that are no types: constants, and what a module keeps for itself.
_PLAIN = re.compile(r"_?[A-Z][A-Z0-9_]*|_[a-z][a-z0-9_]*")
_MAKES_TYPE = re.compile(r"(TypeVar|NewType|NamedTuple|ParamSpec)\(")

# Is it one of several classes? A union of them would be made each time.
_ONE_OF = re.compile(r"(\bisinstance\([\w.]+(?:\[\w+\])?, )(\w+(?: \| \w+)+)\)")

# What front ends of others may have subclasses of.
OPEN = frozenset(["Node", "Captured", "Closing"])
_DECLARED = {"Captured": {"body": "tuple[_Any, ...]"}}  # which leave these to their subclasses

# What users copy and pickle, and what forks itself: that makes an instance without calling `__init__`, which open
# classes allow.
COPIED = frozenset(["Budgeted", "CompileLimits", "FreeText", "JsonSchemaOptions", "Limited", "Section"])

# Kept weakly, though no slot says so, having a `__dict__` otherwise.
_WEAKLY = frozenset(["Walker", "KindWalker", "Vocabulary", "Dfa"])


@dataclass
class _Text:
    """The lines of a module while they are edited: numbers stay those of the source."""

    lines: list[str]
    before: dict[int, list[str]] = field(default_factory=dict[int, list[str]])  # by the index of a line

    def insert(self, at: int, *lines: str) -> None:
        """Put lines before the line of index `at`."""
        self.before.setdefault(at, []).extend(lines)

    def __str__(self) -> str:
        out: list[str] = []
        for at, line in enumerate(self.lines):
            out += [f"{line}{MARK}" for put in self.before.get(at, []) for line in put.split("\n")]
            out.append(line)
        return "\n".join(out)


def lowered(source: str, module: str, tables: Tables, bases: Collection[str], uncollected: Collection[str] = ()) -> str:
    """A module's text for mypyc.

    tables       the fields of all dataclasses
    bases        the names of classes that have interpreted subclasses
    uncollected  the classes, as `module.Class`, that Python's collector leaves alone
    """
    source = _ONE_OF.sub(lambda found: found[1] + _tuple_of(found[2]) + ")", source)
    text = _Text(source.split("\n"))
    tree = ast.parse(source)
    for statement in tree.body:
        if isinstance(statement, ast.ClassDef):
            _class(statement, text, tables.get(f"{module}.{statement.name}", []), bases)
            if f"{module}.{statement.name}" in uncollected:
                text.insert(_first_line(statement), "@_mypyc_attr(acyclic=True)")
        elif isinstance(statement, ast.AnnAssign) and ast.unparse(statement.annotation) == "TypeAlias":
            at, name = statement.lineno - 1, ast.unparse(statement.target)
            head, equals, value = text.lines[at].partition(" = ")
            text.lines[at] = head + equals + re.sub(rf"\b{name}\b", "_Any", value)
    _bound_once(tree, text)
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            at = statement.lineno - 1
            base = "import _thread; " if "threading.local" in source else ""  # where mypy sees threading.local
            text.lines[at] = base + _HEADER + text.lines[at]
            break
    return str(text)


def _tuple_of(union: str) -> str:
    """A union of types, as `isinstance` takes several."""
    kinds = ["type(None)" if kind == "None" else kind for kind in union.split(" | ")]
    return f"({', '.join(kinds)})"


def _bound_once(tree: ast.Module, text: _Text) -> None:
    bindings = [target for statement in tree.body for target in _targets(statement)]
    again = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    again |= {name for name in bindings if bindings.count(name) > 1}
    for statement in tree.body:
        names = _targets(statement)
        if len(names) != 1 or names[0] in again or not _PLAIN.fullmatch(names[0]):
            continue
        at = statement.lineno - 1
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if not _MAKES_TYPE.match(ast.unparse(value)):
                text.lines[at] = text.lines[at].replace(f"{name} =", f"{name}: _Final =", 1)
            case ast.AnnAssign(annotation=note, value=ast.expr()) if not ast.unparse(note).startswith(
                ("Final", "TypeA")
            ):
                start, end = note.col_offset, note.end_col_offset
                if note.lineno == note.end_lineno:
                    line = text.lines[at]
                    text.lines[at] = f"{line[:start]}_Final[{line[start:end]}]{line[end:]}"
            case _:
                pass


def _targets(statement: ast.stmt) -> list[str]:
    """The names that a statement of a module binds, inside of it as well."""
    found = (node for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    return [] if isinstance(statement, ast.FunctionDef | ast.ClassDef) else [name.id for name in found]


def bases_of(source: str) -> set[str]:
    """The names of the classes that a module's classes are subclasses of."""
    classes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef))
    return {ast.unparse(base) for statement in classes for base in statement.bases}


def arrays_are_any(source: str) -> str:
    """A module's text, compiled or not, in which the types of arrays are `Any`."""
    return re.sub(
        r"\bNDArray\[[\w.]+\]",
        "Any",
        re.sub(r"^from numpy.typing import NDArray$", "from typing import Any", source, flags=re.MULTILINE),
    )


def _class(statement: ast.ClassDef, text: _Text, fields: list[Field], open_bases: Collection[str]) -> None:
    bases = [ast.unparse(base) for base in statement.bases]
    first = _first_line(statement)
    decorator = decorator_of(statement)
    options = options_of(decorator) if decorator else {}
    generic = any(base.startswith("Generic[") for base in bases)
    if (generic and decorator) or "threading.local" in bases:
        _decorate(decorator, text, options)
        text.insert(first, "@_mypyc_attr(native_class=False)")
        return
    if generic:
        text.insert(_after_docstring(statement), *_SUBSCRIPTABLE)
    if statement.name in OPEN or statement.name in COPIED or statement.name in open_bases:
        text.insert(first, "@_mypyc_attr(allow_interpreted_subclasses=True)")
    if "ABC" in bases:
        at = statement.lineno - 1
        text.lines[at] = text.lines[at].replace("(ABC)", "(metaclass=_ABCMeta)")
    body, assigned = _after_docstring(statement), _assigned(statement)
    weak = statement.name in _WEAKLY or "weakref_slot" in options
    once = _found_once(statement)
    if decorator:
        _decorate(decorator, text, options | {"init": "False", "eq": "False"})
        text.insert(body, *methods(statement, options, fields, [_known(statement, member) for member in once]))
    for member in once:
        _once(statement, member, text, body, assigned=member.name in assigned)
    for member in statement.body:
        if isinstance(member, ast.AnnAssign) and decorator:
            _final(member, text)
        elif isinstance(member, ast.AnnAssign) and ast.unparse(member.target) in _DECLARED.get(statement.name, {}):
            _left_to_others(member, text)
        elif isinstance(member, ast.Assign) and ast.unparse(member.targets[0]) == "__slots__":
            weak = weak or "__weakref__" in ast.unparse(member.value)
    said = {ast.unparse(m.target) for m in statement.body if isinstance(m, ast.AnnAssign)}
    said |= {member.name for member in statement.body if isinstance(member, ast.FunctionDef)}
    declared = {name: kind for base in bases for name, kind in _DECLARED.get(base, {}).items() if name not in said}
    text.insert(body, *(f"    {name}: {kind}" for name, kind in declared.items()))
    if weak:
        kept = " = _field(init=False, repr=False, compare=False)" if decorator else ""
        text.insert(body, f"    {WEAK}: _Any{kept}")


def _first_line(statement: ast.ClassDef) -> int:
    """The index of the line on which a class begins, decorators included."""
    return (statement.decorator_list or [statement])[0].lineno - 1


def _decorate(decorator: ast.expr | None, text: _Text, options: dict[str, str]) -> None:
    """Write `@dataclass` anew, without what compiled classes have by themselves."""
    if decorator is None:
        return
    said = ", ".join(f"{name}={value}" for name, value in options.items() if name not in ("slots", "weakref_slot"))
    at, end = decorator.lineno - 1, decorator.end_lineno or decorator.lineno
    text.lines[at:end] = [f"@dataclass({said})" if said else "@dataclass"] + [""] * (end - at - 1)


def _after_docstring(statement: ast.ClassDef) -> int:
    """The index of the line of a class's first statement that says something."""
    first = statement.body[0]
    if isinstance(first, ast.Expr) and len(statement.body) > 1:
        first = statement.body[1]
    decorated = first.decorator_list if isinstance(first, ast.FunctionDef) else []
    return (decorated or [first])[0].lineno - 1


def _assigned(statement: ast.ClassDef) -> set[str]:
    """The attributes that a class's functions assign."""
    attributes = (node for node in ast.walk(statement) if isinstance(node, ast.Attribute))
    return {attribute.attr for attribute in attributes if isinstance(attribute.ctx, ast.Store)}


def _once(of: ast.ClassDef, member: ast.FunctionDef, text: _Text, body: int, *, assigned: bool) -> None:
    """A `cached_property`, as a property over a field, and over another that says whether it was found out.

    That the field is not there before it is asked for would say so, too: by an exception, which takes five times as
    long as what most of them do.
    """
    name, at = member.name, member.lineno - 1
    own, known = _own(of, member), _known(of, member)
    kind = ast.unparse(member.returns) if member.returns else "object"
    kept = " = _field(init=False, repr=False, compare=False)" if decorator_of(of) else ""
    text.insert(body, f"    _once_{own}: {kind}{kept}", f"    {known}: bool{kept or ' = False'}")
    text.lines[member.decorator_list[0].lineno - 1] = ""
    text.insert(
        at,
        "    @property",
        f"    def {name}(self) -> {kind}:",
        f"        if self.{known}:",
        f"            return self._once_{own}",
        f"        found = self._find_{own}()",
        f"        self._once_{own} = found",
        f"        self.{known} = True",
        "        return found",
        "",
    )
    if assigned:
        setter = f"    def {name}(self, value: {kind}) -> None:"
        assignments = f"        self._once_{own} = value", f"        self.{known} = True"
        text.insert(at, f"    @{name}.setter", setter, *assignments, "")
    text.lines[at] = text.lines[at].replace(f"def {name}(", f"def _find_{own}(", 1)


def _found_once(statement: ast.ClassDef) -> list[ast.FunctionDef]:
    """Those of a class's functions that are a `cached_property`."""
    functions = (member for member in statement.body if isinstance(member, ast.FunctionDef))
    return [one for one in functions if "cached_property" in map(ast.unparse, one.decorator_list)]


def _own(of: ast.ClassDef, member: ast.FunctionDef) -> str:
    return f"{member.name}_of_{of.name}"  # a subclass may have one that asks for this one


def _known(of: ast.ClassDef, member: ast.FunctionDef) -> str:
    """The field that says whether a `cached_property` was found out."""
    return f"_has_{_own(of, member)}"


def _final(member: ast.AnnAssign, text: _Text) -> None:
    kind = ast.unparse(member.annotation)
    if kind.startswith("Final[") and (member.value is None or ast.unparse(member.value).startswith("field(")):
        at = member.lineno - 1
        text.lines[at] = re.sub(r": Final\[(.*?)\](?= =|\s*#|$)", r": \1", text.lines[at], count=1)


def _left_to_others(member: ast.AnnAssign, text: _Text) -> None:
    """A field that interpreted subclasses may keep here; compiled ones, or those with `__slots__`, have their own."""
    name, kind = ast.unparse(member.target), ast.unparse(member.annotation)
    at = member.lineno - 1
    getter = ["    @property", f"    def {name}(self) -> {kind}:", f"        return self._kept_{name}", ""]
    setter = [
        f"    @{name}.setter",
        f"    def {name}(self, value: {kind}) -> None:",
        f"        self._kept_{name} = value",
    ]
    text.insert(at, *getter, *setter)
    text.lines[at] = f"    _kept_{name}: {kind}"

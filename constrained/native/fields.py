"""What fields a class has, as its text says: their annotations, and whether they are assigned after birth.

    class Speech:
        facts: Facts                                 an annotation in the class
        def __init__(self, location: Location):
            self._location = location                that of a parameter
            self._leaf: bool | None = None           its own
            self.found = search(location)            none that the text shows

`__init__` and `__post_init__` are birth.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping

from constrained.native.data import decorator_of

Field = tuple[str, ast.expr | None, bool]  # name, annotation if it is known, is it assigned after birth?

_BIRTH = frozenset(["__init__", "__post_init__"])


def fields_of(statement: ast.ClassDef) -> Iterator[Field]:
    """The fields that a class's own text names."""
    said = {
        member.target.id: member.annotation
        for member in statement.body
        if isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name)
    }
    said = {name: note for name, note in said.items() if not ast.unparse(note).startswith("ClassVar")}
    yield from ((name, note, False) for name, note in said.items())
    # What `__init__` says of a field holds for whoever else assigns it.
    for function in sorted(_functions(statement), key=lambda function: function.name not in _BIRTH):
        late = function.name not in _BIRTH
        if "cached_property" in map(ast.unparse, function.decorator_list):
            yield function.name, function.returns, True
        for name, note in _assigned(function):
            if name in said:
                continue
            yield name, note, late
            if note is not None:
                said[name] = note


def _functions(statement: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    return (member for member in statement.body if isinstance(member, ast.FunctionDef))


def _assigned(function: ast.FunctionDef) -> Iterator[tuple[str, ast.expr | None]]:
    """The fields of `self` that a method assigns, each with the annotation that what is assigned has."""
    arguments = {each.arg: each.annotation for each in (*function.args.args, *function.args.kwonlyargs)}
    for node in ast.walk(function):
        match node:
            case ast.AnnAssign(target=ast.Attribute(value=ast.Name(id="self"), attr=name), annotation=note):
                yield name, note
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    for name, known in _own(target, value):
                        yield name, _annotation(known, arguments)
            case _:
                pass


def _own(target: ast.expr, value: ast.expr | None) -> Iterator[tuple[str, ast.expr | None]]:
    """The fields of `self` among what is assigned, each with its value where that is known."""
    match target, value:
        case ast.Attribute(value=ast.Name(id="self"), attr=name), _:
            yield name, value
        case ast.Tuple(targets), _:
            values = value.elts if isinstance(value, ast.Tuple) and len(value.elts) == len(targets) else ()
            for index, one in enumerate(targets):
                yield from _own(one, values[index] if values else None)
        case _:
            pass


def _annotation(value: ast.expr | None, arguments: Mapping[str, ast.expr | None]) -> ast.expr | None:
    """The annotation that a value would have, as far as its text says so."""
    match value:
        case ast.Name(id=name):
            return arguments.get(name)
        case ast.Constant() | ast.Compare() | ast.UnaryOp(op=ast.Not()):
            return ast.Name("int")  # or something else that holds nothing
        case ast.Call(func=ast.Name(id="len" | "bool" | "int" | "any" | "all")):
            return ast.Name("int")
        case ast.Call(func=ast.Name(id=name) as called) if name[:1].isupper():
            return called
        case ast.Call(func=ast.Subscript() as called):
            return called
        case ast.Call(func=ast.Attribute(value=ast.Name(id="np"))):
            return ast.Name("NDArray")
        case _:
            return None


def is_frozen(statement: ast.ClassDef) -> bool:
    """Can nobody assign the fields of its instances but `__init__`?"""
    decorator = decorator_of(statement)
    frozen = decorator is not None and "frozen=True" in ast.unparse(decorator)
    return frozen or "NamedTuple" in map(ast.unparse, statement.bases)


def assigned_outside(trees: Iterable[ast.Module]) -> set[str]:
    """The names of the attributes that anybody assigns but a class to its own at birth."""
    found: set[str] = set()
    for tree in trees:
        classes = (statement for statement in tree.body if isinstance(statement, ast.ClassDef))
        births = (one for statement in classes for one in _functions(statement) if one.name in _BIRTH)
        own = {id(node) for birth in births for node in ast.walk(birth) if _is_of_self(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and id(node) not in own:
                found.add(node.attr)
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("setattr", "object.__setattr__"):
                found.add(str(node.args[1].value) if isinstance(node.args[1], ast.Constant) else "")
    return found


def _is_of_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"


def hands_out_self(statement: ast.ClassDef) -> bool:
    """Do others come to know an instance at its birth: by its methods, or as itself?"""
    methods = {function.name for function in _functions(statement)}
    for function in _functions(statement):
        if function.name in _BIRTH:
            nodes = list(ast.walk(function))
            own = {id(node.value) for node in nodes if isinstance(node, ast.Attribute) and node.attr not in methods}
            if any(isinstance(node, ast.Name) and node.id == "self" and id(node) not in own for node in nodes):
                return True
    return False

"""What dataclasses have generated, written out: what is in the text, mypyc compiles, and calls directly.

    @dataclass(frozen=True)                 @dataclass(frozen=True, init=False, eq=False)
    class Place:                            class Place:
        row: int                                def __init__(self, row: int, name: str = "") -> None:
        name: str = ""                              self.row = row; self.name = name
                                                def __eq__ ...; def __hash__ ...
                                                row: int
                                                name: str = ""

The decorator stays for what is left: the names of the fields, `__repr__`, and that others cannot assign.
"""

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

_EMPTY = {"list": "[]", "dict": "{}", "set": "set()"}


@dataclass(frozen=True)
class Field:
    """A field of a dataclass, in the words of the source."""

    name: str
    kind: str
    default: str  # an expression; empty if there is none
    factory: str  # an expression that makes the default anew; empty if there is none
    init: bool
    compare: bool
    hashed: bool
    keyword: bool = False


Tables = dict[str, list[Field]]  # of the dataclasses of all modules, by `module.Class`


def decorator_of(statement: ast.ClassDef) -> ast.expr | None:
    """`@dataclass`, with or without arguments."""
    return next((d for d in statement.decorator_list if ast.unparse(d).startswith("dataclass")), None)


def options_of(decorator: ast.expr) -> dict[str, str]:
    """The arguments of `@dataclass(...)`."""
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
    return {str(keyword.arg): ast.unparse(keyword.value) for keyword in keywords}


def fields_of_all(texts: Iterable[tuple[str, str]]) -> Tables:
    """The fields of all dataclasses, inherited ones first, of modules given as (name, text)."""
    trees = {module: ast.parse(text) for module, text in texts}
    tables: Tables = {}
    for module, tree in trees.items():
        for statement in tree.body:
            if isinstance(statement, ast.ClassDef):
                _fields(module, statement.name, trees, tables)
    return tables


def _fields(module: str, name: str, trees: dict[str, ast.Module], tables: Tables) -> list[Field]:
    key = f"{module}.{name}"
    if key in tables or module not in trees:
        return tables.get(key, [])
    for statement in trees[module].body:
        if isinstance(statement, ast.ImportFrom):
            origin = next((alias.name for alias in statement.names if (alias.asname or alias.name) == name), None)
            if origin is not None:
                return [
                    _seen_elsewhere(f, str(statement.module))
                    for f in _fields(str(statement.module), origin, trees, tables)
                ]
        if isinstance(statement, ast.ClassDef) and statement.name == name:
            decorator = decorator_of(statement)
            if decorator is None:
                return []
            keyword = options_of(decorator).get("kw_only") == "True"
            fields = {f.name: f for base in statement.bases for f in _fields(module, ast.unparse(base), trees, tables)}
            own = [replace(f, keyword=keyword) for f in map(_field, statement.body) if f is not None]
            fields |= {f.name: f for f in own}
            tables[key] = list(fields.values())
            return tables[key]
    return []


def _seen_elsewhere(inherited: Field, module: str) -> Field:
    """A field of a class in another module, whose names are not known here."""
    known = not inherited.default.isidentifier() or inherited.default in ("None", "True", "False")
    default = inherited.default if known else f'_import_module("{module}").{inherited.default}'
    return replace(inherited, kind="_Any", default=default)


def _field(statement: ast.stmt) -> Field | None:
    if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
        return None
    note = statement.annotation
    kind = str(note.value) if isinstance(note, ast.Constant) else ast.unparse(note)
    if kind.startswith("ClassVar"):
        return None
    if kind.startswith("Final["):
        kind = kind.removeprefix("Final[")[:-1].strip("'\"")
    value = statement.value
    if not (isinstance(value, ast.Call) and ast.unparse(value.func) == "field"):
        default = ast.unparse(value) if value else ""
        return Field(statement.target.id, kind, default, "", init=True, compare=True, hashed=True)
    said = {str(keyword.arg): ast.unparse(keyword.value) for keyword in value.keywords}
    return Field(
        statement.target.id,
        kind,
        said.get("default", ""),
        said.get("default_factory", ""),
        init=said.get("init") != "False",
        compare=said.get("compare") != "False",
        hashed=said.get("hash", said.get("compare")) != "False",
    )


def methods(
    statement: ast.ClassDef, options: dict[str, str], fields: list[Field], flags: Sequence[str] = ()
) -> list[str]:
    """The lines of the methods that `@dataclass` would generate, at the depth of a class's body.

    `flags` are fields besides, which are False at first.
    """
    own = {member.name for member in statement.body if isinstance(member, ast.FunctionDef)}
    lines = [] if "__init__" in own else _init(fields, flags, post="__post_init__" in own)
    if options.get("eq") != "False" and "__eq__" not in own:
        lines += _eq(statement.name, [f.name for f in fields if f.compare])
        if options.get("frozen") == "True" and "__hash__" not in own:
            lines += _hash([f.name for f in fields if f.hashed])
    return lines


def _init(fields: list[Field], flags: Sequence[str], *, post: bool) -> list[str]:
    parameters = ["self"]
    body = [f"        self.{flag} = False" for flag in flags]
    for f in sorted(fields, key=lambda f: f.keyword):
        if f.keyword and "*" not in parameters:
            parameters.append("*")
        made = _EMPTY.get(f.factory.split("[")[0], f"({f.factory})()")
        if not f.init:
            value = made if f.factory else f.default
            body += [f"        self.{f.name} = {value}"] if value else []
        elif f.factory:
            parameters.append(f'{f.name}: "{f.kind} | None" = None')
            body.append(f"        self.{f.name} = {made} if {f.name} is None else {f.name}")
        else:
            parameters.append(f'{f.name}: "{f.kind}"' + (f" = {f.default}" if f.default else ""))
            body.append(f"        self.{f.name} = {f.name}")
    body += ["        self.__post_init__()"] if post else []
    return [f"    def __init__({', '.join(parameters)}) -> None:", *(body or ["        pass"]), ""]


def _eq(name: str, compared: list[str]) -> list[str]:
    same = " and ".join(f"self.{f} == other.{f}" for f in compared) or "True"
    return [
        "    def __eq__(self, other: object) -> bool:",
        f"        return self is other or (isinstance(other, {name}) and type(self) is type(other) and bool({same}))",
        "",
    ]


def _hash(compared: list[str]) -> list[str]:
    parts = "".join(f"self.{f}, " for f in compared)
    return ["    def __hash__(self) -> int:", f"        return hash(({parts}))", ""]

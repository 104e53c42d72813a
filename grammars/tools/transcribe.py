"""Arguments as the model writes them, on the fly into JSON."""

from collections.abc import Callable as Function

from grammars.tools.formats import Json
from grammars.tools.markers import Atoms
from grammars.tools.reader import Parser, Reader
from grammars.tools.turns import Callable, Turn

Emit = Function[[bytes], None]

_QUOTE, _BACKSLASH = ord('"'), ord("\\")
_OPENING, _CLOSING = b"{[", b"}]"


def arguments_parser(reader: Reader, turn: Turn, tool: Callable, after: Atoms, emit: Emit) -> Parser[None]:
    """Read one call's arguments, and emit them as JSON. `after` follows them, and is not read."""
    match turn.format.arguments:
        case Json():
            return json_value(reader, emit)
        case _:
            raise NotImplementedError


def json_value(reader: Reader, emit: Emit) -> Parser[None]:
    """An object or array in JSON, as it is."""
    depth, inside, escaped = 0, False, False
    while True:
        atom = yield from reader.get()
        emit(bytes((atom,)))
        if inside:
            if escaped:
                escaped = False
            elif atom == _BACKSLASH:
                escaped = True
            elif atom == _QUOTE:
                inside = False
        elif atom == _QUOTE:
            inside = True
        elif atom in _OPENING:
            depth += 1
        elif atom in _CLOSING:
            depth -= 1
            if depth == 0:
                return

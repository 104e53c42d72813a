"""What Lark says of a grammar that it refuses, as our errors: with a place, and about what the user wrote.

    Unexpected token Token('_NL', '\\n') at line 2, column 4.      line 2, column 4: unexpected end of the line
    Rule 'a' defined more than once                               line 3, column 1: ... (where it is the second time)

Some of Lark's messages have a line and a column, some only a name; of those the place is looked for.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from lark.exceptions import LarkError

from constrained.errors import GrammarError, InvalidGrammar, LimitExceeded, UnsupportedFeature
from grammars.lark.dialect import Dialect, Places

_LINE_AND_COLUMN = re.compile(r",? at line (\d+),? column (\d+)(?: in [^:]*)?:?")


@contextmanager
def as_grammar_errors(dialect: Dialect) -> Generator[None]:
    """Turn what Lark raises into our errors."""
    try:
        yield
    except GrammarError:
        raise
    except RecursionError as error:
        raise LimitExceeded("the grammar is nested too deeply") from error
    except (LarkError, re.error, OSError, AssertionError, ValueError, KeyError) as error:
        match getattr(error, "orig_exc", None):  # what Lark met while it was walking over a tree
            case GrammarError() as ours:
                raise ours from error
            case RecursionError():
                raise LimitExceeded("the grammar is nested too deeply") from error
            case _:
                raise _translated(error, dialect) from error


def _translated(error: Exception, dialect: Dialect) -> GrammarError:
    message = _in_words(error)
    if isinstance(error, AssertionError) and dialect.extensions:
        place = dialect.places.at(dialect.sites[next(iter(dialect.extensions))])
        return UnsupportedFeature("an extension inside a terminal: it has its place in rules", where=place)
    cause: Any = error.__context__ or error
    line, column = getattr(cause, "line", None), getattr(cause, "column", None)
    said = _LINE_AND_COLUMN.search(message)
    if said is not None and not isinstance(line, int):
        line, column = int(said[1]), int(said[2])
    if isinstance(line, int) and isinstance(column, int) and line > 0:
        message = _LINE_AND_COLUMN.sub("", message).removesuffix(".")
        return InvalidGrammar(message, where=dialect.places.of(line, column))
    return InvalidGrammar(dialect.in_the_users_words(message), where=_place_of(message, dialect.places))


def _in_words(error: Exception) -> str:
    """The first line of what Lark says, or what it means where that is an exception of Python's."""
    message = str(error).partition("\n")[0].strip() or f"Lark refuses the grammar ({type(error).__name__})"
    if isinstance(error, OSError):
        return f"no grammar to import: {error.filename}"
    if isinstance(error.__context__, SyntaxError):
        return f"not a string: {str(error.__context__.text)[4:-3]}"
    if "surrogates not allowed" in str(error):
        return "half of a surrogate pair"
    if message.startswith('Error trying to process rule "range"'):
        return "a range is from one character to another"
    message = re.sub(r"Unexpected token Token\('_NL', .*?'\)", "unexpected end of the line", message)
    return re.sub(r"Unexpected token Token\('\w+', (.*?)\)(?= at line)", r"unexpected \1", message)


# What Lark says without a place, and what it is then about; groups of the first are filled into the second.
_ABOUT = (
    (r"no grammar to import: (\w+)\.lark|from grammar `(\w+)`", r"^\s*(?P<here>%import\s+{})"),
    (r"'(\w+)' defined more than once", r"(?s:^[ \t]*[?!]*{0}\b[^\n]*:.*?)^[ \t]*(?P<here>[?!]*{0}\b)(?=[^\n]*:)"),
    (r"Can't extend \w+ (\w+)|Cannot override \D*? (\w+)$", r"%(?:extend|override)\s+(?P<here>[?!]*{}\b)"),
    (r"Empty terminals", r'(?<!["\\])""(?!")'),
    (r"not a string: (.+)", r"{}"),
    (r"half of a surrogate pair", "[\ud800-\udfff]"),
    (r"Aliasing not allowed in terminals", r"(?:^[ \t]*[A-Z_][A-Z0-9_]*(?:\.\d+)?|\])[ \t]*:[^\n]*?(?P<here>->)"),
    (r"Bad Range for .*\((\d+)\.\.(\d+) ", r"~[ \t]*{}[ \t]*\.\.[ \t]*{}"),
    (r"a range is from|character range (\w)-(\w) ", r'"[^"\n]*"[ \t]*\.\.[ \t]*"[^"\n]*"'),
    (r"template arguments used for (\w+)", r"(?<![\w\"/]){}\{{[^\n}}]*\}}(?!\s*:)"),
    (r"'([A-Za-z_]\w*)'|\b([A-Z_]{2,})\b|\((\w+) in ", r"(?<![\w\"/]){}(?!\w)"),
    (r"'([A-Za-z_]\w*)'", r"(?<!\w){}(?!\w)"),
)


def _place_of(message: str, places: Places) -> str:
    for says, about in _ABOUT:
        if found := re.search(says, message):
            words = [re.escape(group) for group in found.groups() if group]
            if place := places.find(about.format(*words)):
                return place
    return ""

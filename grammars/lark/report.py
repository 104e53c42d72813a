"""What became of a Lark grammar: how texts are cut into terminals, and what of it says nothing.

line 1, column 1   start   greedy     Lark's LALR parser reads the same texts: 12 rules, 20 terminals, 1 ignored
line 7, column 1   REST    optional   it matches the empty text
line 9, column 1   old     unused     start does not lead here
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from grammars.lark.dialect import ControlTokens, read_dialect
from grammars.lark.source import Source
from grammars.lark.terminals import Lexeme


class Verdict(Enum):
    """What became of a rule or a terminal."""

    GREEDY = "greedy"
    DYNAMIC = "dynamic"
    OPTIONAL = "optional"
    UNUSED = "unused"


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of rule or terminal `keyword`."""

    where: str  # line and column
    keyword: str
    verdict: Verdict
    note: str = ""

    def __str__(self) -> str:
        return "  ".join(part for part in (self.where, self.keyword, self.verdict.value, self.note) if part)


def findings(source: Source, lexemes: Iterable[Lexeme], why_dynamic: str | None) -> Iterator[Finding]:
    """The findings of a compiled grammar; `why_dynamic`: why greedy lexing was not chosen, None if it was."""
    rules = len({rule.origin.name for rule in source.rules})
    size = f"{rules} rules, {len(source.terminals)} terminals, {len(source.ignore)} ignored"
    where = source.where(source.start)
    if why_dynamic is None:
        yield Finding(where, source.start, Verdict.GREEDY, f"Lark's LALR parser reads the same texts: {size}")
    else:
        note = f"any cut into terminals will do, as in Lark's dynamic_complete: {size}; {why_dynamic}"
        yield Finding(where, source.start, Verdict.DYNAMIC, note)
    for lexeme in lexemes:
        if lexeme.may_be_empty and lexeme.name in source.terminals:
            yield Finding(source.where(lexeme.name), lexeme.name, Verdict.OPTIONAL, "it matches the empty text")
    for name in source.unused:
        yield Finding(source.where(name), name, Verdict.UNUSED, f"{source.start} does not lead here")


def control_tokens(text: str) -> tuple[tuple[str, ...], int]:
    """The names of control tokens in a grammar, and one more than the highest id in it."""
    found = [one for one in read_dialect(text).extensions.values() if isinstance(one, ControlTokens)]
    names = dict.fromkeys(one.name for one in found if one.name)
    return tuple(names), max((high + 1 for one in found for _, high in one.ids), default=0)

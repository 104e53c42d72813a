"""Phases of one text: free until a marker, thinking with a limit, then a grammar.

    compile_phases([FreeText(until="```json\\n"), grammar, "\\n```"], vocabulary)

    Here is what I found:  ```json\\n   {"city": "Par   is"}   \\n```
    `------ free ------'  `-marker-'  `--- the grammar ---'  `exactly'

All of it is one grammar, so what holds for grammars holds for phases: tokens may reach from one into the next, a
budget leaves room for those that must still come, and nothing has to be parsed to know where one ends: a marker
is not found in the free text before it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from constrained import grammar as symbols
from constrained.errors import InvalidGrammar, UnsupportedFeature, Where
from constrained.matcher import CompiledGrammar
from constrained.sections import LimitedGrammar, Section
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.tools.free_text import before, text
from grammars.tools.markers import Marks, marks_of
from grammars.tools.written import Alternatives


@dataclass(frozen=True, slots=True)
class FreeText:
    """Any text, up to a marker and including it. Text has no control tokens; where some belong, name them as phases.

    until       the marker, cut at the tokenizer's control tokens as the tokenizer cuts it; None: to the end, last
    max_tokens  after so many tokens without the marker, it is written for the model
    optional    the text may also end without the marker, and then none of the later phases come
    """

    until: str | None = None
    max_tokens: int | None = None
    optional: bool = False


Phase = FreeText | CompiledGrammar | str


def compile_phases(phases: Sequence[Phase], vocabulary: Vocabulary) -> CompiledGrammar | LimitedGrammar:
    """The grammar of texts that go through all `phases`: free text, grammars compiled for `vocabulary`, exact texts.

    One phase may have a limit in tokens: the first, or one behind an exact text that comes first or has a control
    token. Raises InvalidGrammar with the phase's place (`#/1/until`), UnsupportedFeature for limits elsewhere.
    """
    if isinstance(phases, str) or not phases:
        raise InvalidGrammar("phases must be a list, and not empty")
    marks = marks_of(vocabulary)
    rest: symbols.Sequence = ()
    for number in reversed(range(len(phases))):
        where = Where() / number
        phase = phases[number]
        match phase:
            case str():
                rest = (*_exactly(marks, phase, where), *rest)
            case FreeText():
                if phase.until is None and number + 1 < len(phases):
                    raise InvalidGrammar("free text without a marker has no end: it must be last", where=where)
                rest = _free(marks, phase, rest, where)
            case CompiledGrammar():
                if phase.vocabulary.fingerprint != vocabulary.fingerprint:
                    raise InvalidGrammar("this grammar was compiled for another vocabulary", where=where)
                rest = (phase.start, *rest)
    described = [f"{type(phase).__name__} {_identity(phase)}" for phase in phases]
    fingerprint = hashlib.sha256("\0".join(("phases", *described, vocabulary.fingerprint)).encode()).hexdigest()
    grammar = CompiledGrammar(Alternatives("phases", (rest,)), vocabulary, fingerprint)
    limit = _limit(marks, phases)
    return grammar if limit is None else LimitedGrammar(grammar, *limit)


def _identity(phase: Phase) -> str:
    return (phase.fingerprint or str(id(phase))) if isinstance(phase, CompiledGrammar) else repr(phase)


def _exactly(marks: Marks, marker: str, where: Where) -> symbols.Sequence:
    if not marker:
        raise InvalidGrammar("an empty text marks nothing", where=where)
    return marks.sequence(marker)


def _free(marks: Marks, phase: FreeText, rest: symbols.Sequence, where: Where) -> symbols.Sequence:
    """Free text, its marker, and `rest` behind it."""
    if phase.until is None:
        if phase.optional or phase.max_tokens is not None:
            raise InvalidGrammar("free text to the end takes no other options", where=where, hint="give a budget")
        return (text(),)
    if phase.max_tokens is not None and phase.max_tokens < 0:
        raise InvalidGrammar("max_tokens must not be negative", where=where / "max_tokens")
    marker = _exactly(marks, phase.until, where / "until")
    is_text = all(atom < 256 for atom in marks.atoms(phase.until))  # text cannot spell a control token
    spelled = phase.until.encode()
    through = (before(spelled, ()) if is_text else text(), *marker, *rest)
    if not phase.optional:
        return through
    return (Alternatives("optional", (through, (text((spelled,)) if is_text else text(),))),)


def _limit(marks: Marks, phases: Sequence[Phase]) -> tuple[Section, int] | None:
    """The section of the free text that has a limit, and the limit."""
    limited = [n for n, phase in enumerate(phases) if isinstance(phase, FreeText) and phase.max_tokens is not None]
    if not limited:
        return None
    if len(limited) > 1:
        raise UnsupportedFeature("two limits in tokens", where=Where() / limited[1] / "max_tokens")
    (number,) = limited
    phase, opening = phases[number], phases[number - 1] if number else ""
    assert isinstance(phase, FreeText)
    assert phase.max_tokens is not None
    closes = tuple(marks.pieces(phase.until or ""))
    if not number:
        return Section((), closes, is_open=True), phase.max_tokens
    opens = tuple(marks.pieces(opening)) if isinstance(opening, str) else ()
    if not opens or (number > 1 and not any(isinstance(piece, int) for piece in opens)):
        hint = "it must be first, or follow an exact text that is first or has a control token"
        raise UnsupportedFeature("a limit in tokens on this phase", where=Where() / number / "max_tokens", hint=hint)
    return Section(opens, closes), phase.max_tokens

"""The terminals of a grammar, as automata and other leaves of the engine's grammar.

"+"  /[0-9]+/  INT "." INT         an automaton of where Python's match may end (preferred.py)
a rule with `stop=` or `lazy`      an automaton that ends where the attributes say
%regex {"substring_words": ...}    an automaton of runs of words
%json {...}                        the node of a JSON Schema
<|name|>  <[7]>                    token ids
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from lark.lexer import Pattern, PatternStr

from constrained.automata import algebra
from constrained.automata.dfa import REFUSES, START, Dfa
from constrained.errors import GrammarError, InvalidGrammar, UnsupportedFeature
from constrained.grammar import Control, Node
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.enclosed import Enclosure
from grammars.json_schema.compiler import write
from grammars.json_schema.documents import Document
from grammars.json_schema.limits import CompileLimits
from grammars.json_schema.options import JsonSchemaOptions
from grammars.lark.dialect import ControlTokens, Ending, JsonSchema, Substring
from grammars.lark.preferred import preferred, shortest_only
from grammars.lark.source import Source


@dataclass(frozen=True, slots=True)
class Lexeme:
    """A terminal that is an automaton, without the empty text; `may_be_empty` says if that was there."""

    name: str
    dfa: Dfa
    may_be_empty: bool


def lexemes(source: Source, vocabulary: Vocabulary, enclosure: Enclosure | None) -> dict[str, Lexeme]:
    """The terminals that are automata, by name: the texts that the vocabulary can spell byte by byte.

    They are not written as in `enclosure` yet.

    Raises GrammarError with line and column.
    """
    spell = (enclosure or Enclosure()).alphabet(vocabulary)
    found: dict[str, Lexeme] = {}
    for name, definition in source.terminals.items():
        try:
            dfa = _automaton(definition.pattern)
            ending = source.dialect.endings.get(name)
            found[name] = _lexeme(name, algebra.within(dfa if ending is None else _ended(dfa, ending), spell))
        except GrammarError as error:
            raise _placed(error, source, name) from error
    for name, extension in source.dialect.extensions.items():
        if isinstance(extension, Substring):
            found[name] = _lexeme(name, algebra.within(substrings(extension.pieces), spell))
    return found


def _automaton(pattern: Pattern) -> Dfa:
    if isinstance(pattern, PatternStr) and not pattern.flags and pattern.value.isascii():
        return algebra.literal(pattern.value.encode())
    return preferred(pattern.to_regexp())


def leaves(source: Source, vocabulary: Vocabulary, enclosure: Enclosure | None) -> dict[str, Control | Node]:
    """The terminals that are no automata, by the name that stands for them; written as in `enclosure`."""
    found: dict[str, Control | Node] = {}
    for name, extension in source.dialect.extensions.items():
        try:
            if isinstance(extension, ControlTokens) and enclosure is not None:
                raise UnsupportedFeature("a control token inside a text")
            if isinstance(extension, ControlTokens):
                found[name] = _control(extension, vocabulary)
            elif isinstance(extension, JsonSchema):
                writer = write(Document.parse(extension.schema), JsonSchemaOptions(), CompileLimits())
                node = writer.node(writer.shapes.root())
                found[name] = node if enclosure is None else enclosure.leaf(node)
        except GrammarError as error:
            raise _placed(error, source, name) from error
    return found


def _placed(error: GrammarError, source: Source, name: str) -> GrammarError:
    place = ", ".join(filter(None, (source.where(name), error.where)))
    return type(error)(error.message, where=place, hint=error.hint)


def _lexeme(name: str, dfa: Dfa) -> Lexeme:
    if dfa.label(START) == REFUSES:
        return Lexeme(name, dfa, False)
    return Lexeme(name, algebra.difference(dfa, algebra.literal(b"")), True)


def _ended(dfa: Dfa, ending: Ending) -> Dfa:
    """The texts of `dfa`, ended as the attributes of the rule say."""
    if ending.stop:
        stop = preferred(ending.stop)
        first = shortest_only(algebra.concat(preferred("(?s:.)*"), stop))
        dfa = algebra.intersect(algebra.concat(dfa, stop), first)
    return shortest_only(dfa) if ending.lazy else dfa


def _control(control: ControlTokens, vocabulary: Vocabulary) -> Control:
    if control.name:
        token = vocabulary.control.get(control.name)
        if token is None:
            raise InvalidGrammar(f"the vocabulary has no control token {control.name}")
        return Control(frozenset({token}), control.name)
    if backwards := [f"{low}-{high}" for low, high in control.ids if high < low]:
        raise InvalidGrammar(f"the range {backwards[0]} ends before it begins")
    tokens = frozenset(
        token for low, high in control.ids for token in (low, *range(low + 1, min(high, vocabulary.size) + 1))
    )
    wrong = [token for token in tokens if token >= vocabulary.size or vocabulary.spellings[token] is not None]
    if wrong:
        raise InvalidGrammar(f"token {min(wrong)} is no control token of the vocabulary")
    return Control(tokens, ",".join(map(str, sorted(tokens))))


def substrings(pieces: Sequence[str]) -> Dfa:
    """All runs of consecutive `pieces`, the empty one included: their suffix automaton, spelled out.

    Source: A. Blumer et al., *The smallest automaton recognizing the subwords of a text*, 1985.
    """
    edges, link, length = [dict[str, int]()], [-1], [0]
    last = 0
    for piece in pieces:
        new = len(edges)
        edges.append({})
        length.append(length[last] + 1)
        link.append(0)
        at, last = last, new
        while at >= 0 and piece not in edges[at]:
            edges[at][piece] = new
            at = link[at]
        if at < 0:
            continue
        target = edges[at][piece]
        if length[at] + 1 < length[target]:
            copy = len(edges)
            edges.append(dict(edges[target]))
            length.append(length[at] + 1)
            link.append(link[target])
            link[target] = copy
            while at >= 0 and edges[at].get(piece) == target:
                edges[at][piece] = copy
                at = link[at]
            target = copy
        link[new] = target
    return _spelled(edges)


_Inside = frozenset[tuple[int, bytes]]  # state, and what was read of a piece that begins there


def _spelled(edges: list[dict[str, int]]) -> Dfa:
    """The automaton over bytes of one over pieces, all of whose states accept.

    One piece may begin with another, so reading may be inside a piece and behind one at once: a row is
    a set of pairs (state, bytes of a piece already read), made deterministic.
    """
    spelled = [{piece.encode(): target for piece, target in targets.items() if piece} for targets in edges]
    first: _Inside = frozenset({(0, b"")})
    number: dict[_Inside, int] = {frozenset(): 0, first: 1}
    todo, rows = list(number), list[list[int]]()
    for here in todo:
        after: dict[int, set[tuple[int, bytes]]] = {}
        for state, read in here:
            for piece, target in spelled[state].items():
                if piece.startswith(read) and piece != read:
                    end = len(read) + 1
                    after.setdefault(piece[end - 1], set()).add(
                        (target, b"") if piece == piece[:end] else (state, piece[:end])
                    )
        row = [0] * 256
        for byte, members in after.items():
            key = frozenset(members)
            if key not in number:
                number[key] = len(number)
                todo.append(key)
            row[byte] = number[key]
        rows.append(row)
    labels = [0 if any(not read for _, read in here) else REFUSES for here in todo]
    return algebra.from_table(np.array(rows, np.int32), np.array(labels, np.int32))

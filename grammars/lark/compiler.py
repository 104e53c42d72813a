"""compile_lark: the text of a Lark grammar in, a grammar of exactly its texts out, or a refusal.

lexers.py does it, and is imported when the first grammar is compiled.
"""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from constrained.grammar import Node
from constrained.matcher import CompiledGrammar
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.enclosed import Enclosure

if TYPE_CHECKING:
    from grammars.lark.report import Finding

Lexer = Literal["greedy", "dynamic"]


def compile_lark(
    text: str,
    vocabulary: Vocabulary,
    *,
    start: str = "start",
    lexer: Lexer | None = None,
    declared: Mapping[str, str] | None = None,
) -> CompiledGrammar:
    """The grammar of the texts that Lark parses with grammar `text` from rule `start`.

    lexer="greedy": as Lark's LALR parser with its contextual lexer. lexer="dynamic": as its Earley
    parser with lexer="dynamic_complete". None: greedy where the grammar is LALR(1) and every piece of it
    can be lexed so, dynamic otherwise.

    declared    what `%declare`d terminals stand for: {"CALL": "<|call|>"}, control tokens as grammars write them

    The grammar's `report` says which it was, and what of the text has no meaning (report.py).

    Raises InvalidGrammar for what Lark refuses, UnsupportedFeature, Unsatisfiable or LimitExceeded; with
    line and column where they are known.
    """
    declared = declared or {}
    node, report = _compiled(text, vocabulary, start, lexer, None, declared)
    parts = ("lark", text, start, str(lexer), repr(sorted(declared.items())), vocabulary.fingerprint)
    fingerprint = hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()
    return CompiledGrammar(node, vocabulary, fingerprint, report)


def lark_node(
    text: str,
    vocabulary: Vocabulary,
    *,
    start: str = "start",
    lexer: Lexer | None = None,
    enclosure: Enclosure | None = None,
) -> Node:
    """The start node of `compile_lark`, to build on; its texts as they are written in `enclosure`.

    Without one, nothing can follow them but the end.
    """
    return _compiled(text, vocabulary, start, lexer, enclosure, {})[0]


def _compiled(
    text: str,
    vocabulary: Vocabulary,
    start: str,
    lexer: Lexer | None,
    enclosure: Enclosure | None,
    declared: Mapping[str, str],
) -> "tuple[Node, tuple[Finding, ...]]":
    from grammars.lark.lexers import compiled  # noqa: PLC0415  it imports Lark: 40 ms, which most programs never need

    return compiled(text, vocabulary, start, lexer, enclosure, declared)

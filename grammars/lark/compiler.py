"""compile_lark: the text of a Lark grammar in, a grammar of exactly its texts out, or a refusal.

text --source--> productions --terminals--> automata --+-- greedy:  scanner, LALR tables, machine
                                                       `-- dynamic: context-free nodes
"""

import hashlib
from typing import Literal

from constrained.errors import UnsupportedFeature
from constrained.grammar import Node
from constrained.matcher import CompiledGrammar
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.enclosed import Enclosure
from grammars.lark.dynamic import dynamic
from grammars.lark.greedy import greedy
from grammars.lark.source import read_source
from grammars.lark.terminals import leaves, lexemes

Lexer = Literal["greedy", "dynamic"]


def compile_lark(
    text: str, vocabulary: Vocabulary, *, start: str = "start", lexer: Lexer | None = None
) -> CompiledGrammar:
    """The grammar of the texts that Lark parses with grammar `text` from rule `start`.

    lexer="greedy": as Lark's LALR parser with its contextual lexer. lexer="dynamic": as its Earley
    parser with lexer="dynamic_complete". None: greedy where the grammar is LALR(1) and every piece of it
    can be lexed so, dynamic otherwise.

    Raises InvalidGrammar for what Lark refuses, UnsupportedFeature, Unsatisfiable or LimitExceeded; with
    line and column where they are known.
    """
    node = lark_node(text, vocabulary, start=start, lexer=lexer)
    parts = ("lark", text, start, str(lexer), vocabulary.fingerprint)
    return CompiledGrammar(node, vocabulary, hashlib.sha256("\0".join(parts).encode()).hexdigest())


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
    source = read_source(text, start)
    automata, others = lexemes(source, vocabulary, enclosure), leaves(source, vocabulary, enclosure)
    if lexer != "dynamic":
        try:
            return greedy(source, automata, others, enclosure)
        except UnsupportedFeature:
            if lexer == "greedy":
                raise
    return dynamic(source, automata, others, enclosure)

"""From the text of a Lark grammar to its start node, by the lexer that was asked for or the first that can.

text --source--> productions --terminals--> automata --+-- greedy:  scanner, LALR tables, machine
                                                       `-- dynamic: context-free nodes
"""

from collections.abc import Mapping

from constrained.errors import UnsupportedFeature
from constrained.grammar import Node
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.enclosed import Enclosure
from grammars.lark.compiler import Lexer
from grammars.lark.dynamic import dynamic
from grammars.lark.greedy import greedy
from grammars.lark.report import Finding, findings
from grammars.lark.source import read_source
from grammars.lark.terminals import leaves, lexemes


def compiled(
    text: str,
    vocabulary: Vocabulary,
    start: str,
    lexer: Lexer | None,
    enclosure: Enclosure | None,
    declared: Mapping[str, str],
) -> tuple[Node, tuple[Finding, ...]]:
    """The node, and what is to be said about the grammar."""
    source = read_source(text, start, declared)
    automata, others = lexemes(source, vocabulary, enclosure), leaves(source, vocabulary, enclosure)
    why = "as asked for"
    if lexer != "dynamic":
        try:
            node = greedy(source, automata, others, enclosure)
            return node, tuple(findings(source, automata.values(), None))
        except UnsupportedFeature as error:
            if lexer == "greedy":
                raise
            why = error.message
    return dynamic(source, automata, others, enclosure, vocabulary), tuple(findings(source, automata.values(), why))

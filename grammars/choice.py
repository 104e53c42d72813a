"""One of a list of strings, exactly."""

from collections.abc import Iterable

from constrained.automata.algebra import literals
from constrained.errors import InvalidGrammar, Unsatisfiable, Where
from constrained.matcher import CompiledGrammar
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.regex import grammar_of

_MINIMISED = 100_000  # bytes of all choices together; beyond it, minimising costs more than it saves


def compile_choice(choices: Iterable[str], vocabulary: Vocabulary) -> CompiledGrammar:
    """The grammar of exactly these texts; a text that comes twice counts once.

    Raises Unsatisfiable where there are none, or none that the vocabulary can spell, and
    InvalidGrammar for a text with half of a surrogate pair.
    """
    texts = [_encoded(choice, index) for index, choice in enumerate(choices)]
    if not texts:
        raise Unsatisfiable("no choices")
    dfa = literals(texts, minimal=sum(map(len, texts)) <= _MINIMISED)
    source = b"".join(len(text).to_bytes(8, "big") + text for text in sorted(set(texts)))
    return grammar_of(dfa, vocabulary, b"choice\0" + source, "the choices")


def _encoded(choice: str, index: int) -> bytes:
    try:
        return choice.encode()
    except UnicodeEncodeError as error:
        raise InvalidGrammar("half of a surrogate pair", where=Where() / index) from error

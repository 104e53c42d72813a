"""The shortest text of a sequence of symbols, where control tokens spell nothing."""

from constrained.automata.dfa import START
from constrained.grammar import Captured, Control, Node, Sequence, Switch, Terminal, Unknown


def shortest_of(sequence: Sequence) -> bytes:
    """A shortest text of `sequence`, as far as it is bytes; of a switch, by its own shortest text."""
    text = b""
    for symbol in sequence:
        match symbol:
            case Terminal():
                text += symbol.automaton.completion(START)
            case Switch():
                label = symbol.automaton.completion(START)
                row = int(START)
                for byte in label:
                    row = symbol.automaton.after(row, byte)
                text += label + shortest_of(symbol.targets[symbol.automaton.label(row)])
            case Node():
                text += symbol.shortest()
            case Captured():
                body = shortest_of(symbol.body)
                text += body + shortest_of(symbol.then(body) or ())
            case Control() | Unknown():
                pass
    return text

"""The grammar: what a text is made of, as immutable symbols.

    Terminal   a regular language (an automaton): the smallest piece
    Metered    the same, in at most so many tokens       a rule with max_tokens
    Switch     a labelled automaton; the label decides what follows   keys of an object, tool names
    Control    one of some special tokens, matched by id              <tool_call>, end of a turn (last only)
    Node       one of several sequences, found when first needed      a schema, a rule
    Fresh      a text that has not come before                        an extra key
    Seen       remembers the texts that have come                     the extra keys of an object
    Captured   a sequence whose text decides what follows             a unique item

A *sequence* is a tuple of symbols. A grammar is one start symbol. Nodes are lazy, so recursion is
plain reference, and the size of a grammar is the size of what generation has visited.

Symbols are compared by identity. A front end that hands out the same object for the same meaning
(one `Terminal` for every comma, one `Node` per schema) lets equal states be shared, and shared
states are what makes a repeated mask a dictionary look-up.

Contract with the matcher (states.py):
    1. Every sequence a symbol offers can be completed: front ends prune what is empty.
    2. No node reaches itself without reading something first (no left recursion).
    3. An end token of the vocabulary is the last symbol of a text: hosts stop there. After it the text has ended,
       and where a grammar names the end token that it wants, no other one will do.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from constrained.automata.chosen import Chosen
from constrained.automata.counted import Counted
from constrained.automata.dfa import Dfa

Automaton = Dfa | Counted | Chosen


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Terminal:
    """A regular language over bytes."""

    automaton: Automaton
    name: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Metered(Terminal):
    """A terminal, of which `left` more tokens may hold bytes; see metering.py. No text leads `automaton` back to START.

    whole  the same at the beginning, None if this is it
    """

    left: int = 0
    whole: "Metered | None" = None
    _spent: "list[Metered]" = field(default_factory=list["Metered"], repr=False)

    @property
    def dfa(self) -> Dfa:
        """The automaton; other kinds are not metered."""
        assert isinstance(self.automaton, Dfa)
        return self.automaton

    @property
    def begun(self) -> "Metered":
        """The same at the beginning."""
        return self.whole or self

    @property
    def spent(self) -> "Metered":
        """The same after one more token."""
        if not self._spent:
            one_less = Metered(self.automaton, self.name, self.left - 1, self.begun)
            self._spent[:] = [one_less]  # a lost race makes two that mean the same
        return self._spent[0]


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Switch:
    """A labelled automaton: after a text with label k, `targets[k]` follows."""

    automaton: Automaton
    targets: "Targets"
    name: str = ""


class Targets(Protocol):
    """A sequence for each label; a front end may make them when they are asked for."""

    def __getitem__(self, label: int, /) -> "Sequence":
        """What follows after a text with `label`."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Control:
    """One of these token ids, never their spelling."""

    tokens: frozenset[int]
    name: str = ""


class Memory(Protocol):
    """What nodes of a grammar have found out, and share: counted with its states, and dropped with them."""

    @property
    def size(self) -> int:
        """Bytes, roughly."""
        ...

    def forget(self) -> None:
        """Drop it; nothing but time depends on it."""
        ...


class Node:
    """A choice between sequences, asked for once, when a matcher first gets there.

    Not an ABC: whether something is an instance of one is a call of a Python function, and symbols are told
    apart a dozen times a token.
    """

    __slots__ = ()

    def expand(self) -> "Iterable[Sequence]":
        """The alternatives; each can be completed. To be overridden."""
        raise NotImplementedError

    def shortest(self) -> bytes:
        """A shortest text of this node; control tokens in it spell nothing. To be overridden."""
        raise NotImplementedError

    def completion(self) -> "Completion":
        """A shortest text with its control tokens. To be overridden by nodes that need control tokens."""
        text = self.shortest()
        return (text,) if text else ()

    def completion_beside(self, seen: frozenset[bytes]) -> "Completion":
        """As `completion`, with a `Seen` of these texts right below. To be overridden where that matters."""
        return self.completion()

    def memory(self) -> Memory | None:
        """What it shares with other nodes, if that can grow with the texts that are read."""
        return None

    def outline(self) -> "Outline | None":
        """What this node has in common with many others, if masks can mostly do with that."""
        return None

    def owed(self) -> int:
        """So many more of the same must come before anything else may: a thousand items. 0 if nobody knows."""
        return 0

    def behind(self, count: int) -> "Node":
        """The node after `count` of those that are owed. To be overridden by nodes that owe something."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False, slots=True)
class Outline:
    """The texts of a node, each to its end or up to an `UNKNOWN`, without what makes it different from others.

        members after "a": 1       "}"  |  ","  '"'  UNKNOWN, which begins with a letter

    Few tokens reach beyond the first byte of a key, and for all others it does not matter which keys may come. So
    there is one `node` for all such members, of whatever grammar, and what it lets pass is found once.

    `further` reaches further, and lets some texts pass that must be `refused`: it will do where these are no parts
    of tokens, and nothing is remembered.
    """

    node: Node
    further: Node | None = None
    refused: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Seen:
    """Matches nothing, and remembers the `texts` of the `Fresh` symbols read above it.

    `unsure`: one more, which is not known (only while a mask is computed).
    """

    texts: frozenset[bytes] = frozenset()
    unsure: bool = False


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Fresh:
    """A text of `body` that is neither `refused` nor in the `Seen` below, which remembers it; then `then`.

        object = "{" members Seen()        members = "}"  |  Fresh(key, declared keys, (":", value, members))

    It is the last symbol of its sequence, and a `Seen` stands below. What it refuses depends on what was
    read, but nothing else does: so masks are computed without it, and corrected by the refused texts.

    Contract: no text of `body` begins another, and as long as one is not complete, infinitely many are
    possible (a quoted string is of that kind). So a refused text is never the only way on, and is refused
    where it ends. And where a `Fresh` follows another, there is always a shortest way on without it.
    """

    body: Terminal
    refused: frozenset[bytes]
    then: "Sequence"


class Captured:
    """`body`, then whatever the text that matched it calls for. Not an ABC, as `Node` is none.

    Masks are computed for many texts at once, before the text is known. They use `sketch`: what
    follows as far as it is the same for every text, ending in `UNKNOWN` where it is not. Tokens
    that reach beyond `UNKNOWN` are tried one by one, exactly.
    """

    __slots__ = ()

    body: "Sequence"

    @property
    def slack(self) -> int | None:
        """Bytes by which what any text calls for is longer, at its shortest, than for the shortest allowed text.

        An upper bound. None where nobody knows: then a budget tries every token.
        """
        return None

    def then(self, text: bytes) -> "Sequence | None":
        """What follows after the body matched `text`; None if that text is refused. To be overridden."""
        raise NotImplementedError

    def sketch(self) -> "Sequence":
        """What follows after any text that is not refused, up to `UNKNOWN`. To be overridden."""
        raise NotImplementedError

    def least(self) -> "Sequence":
        """Something that is no longer, at its shortest, than what follows any text that is not refused."""
        return self.sketch()

    def refused(self) -> Collection[bytes]:
        """The texts that match the body and for which `then` is None. To be overridden."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False, slots=True)
class Unknown:
    """The end of what a sketch (see `Captured`) or an outline knows.

    `begins`: texts, none empty, with one of which begins what follows, if that is known.
    """

    begins: Automaton | None = None


UNKNOWN = Unknown()

Completion = tuple[bytes | int, ...]  # bytes (not empty, no two in a row) and ids of control tokens

Symbol = Terminal | Switch | Control | Node | Fresh | Seen | Captured | Unknown
Sequence = tuple[Symbol, ...]


@dataclass(eq=False, slots=True)
class Rule(Node):
    """A node with a name and alternatives given by hand; assign `alternatives` to tie a recursion.

    The alternatives may be empty languages, and the rule unsolved, until `completion.solve` has seen it.
    """

    name: str
    alternatives: tuple[Sequence, ...] = ()
    text: bytes | None = field(default=None, repr=False)
    solved: Completion | None = field(default=None, repr=False)

    def expand(self) -> Iterable[Sequence]:
        """The alternatives as given."""
        return self.alternatives

    def shortest(self) -> bytes:
        """As given, or as found by `completion.solve`."""
        if self.text is None:
            raise ValueError(f"rule {self.name!r} has not been solved")
        return self.text

    def completion(self) -> Completion:
        """As found by `completion.solve`."""
        if self.solved is None:
            raise ValueError(f"rule {self.name!r} has not been solved")
        return self.solved

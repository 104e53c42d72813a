"""What may stand in front of a rest while a mask is computed: for many texts at once.

    {"colour": "bl|           a mask is the same here as after {"size": "bl|, but for tokens that
                              write a whole key: `"size"` may come after the one, not after the other

Two things are not known inside of a mask, or had better not matter, so that masks can be shared:

* the text that is open, on which something depends. Where it ends, a `Fresh` is followed by what
  follows it whatever the text, a `Captured` by its `sketch`;
* the texts that have come (`Seen`). Only those can matter that lie inside of one token, quotes and all:
  the vocabularies at hand have fifty such texts (`","`, `"id"` is none). All others are left out.

So many rests have the same *base*, and masks are computed for bases. What the bases leave out is put
right for each state (mask.py): the token that completes the open text, if that text is refused.
"""

from collections.abc import Callable

from constrained.automata.algebra import difference, literals
from constrained.automata.dfa import Dfa
from constrained.closures import Closing, Closure
from constrained.grammar import Captured, Fresh, Seen, Terminal
from constrained.rests import Fork, Forks, Recall, Rest, below


class Sketcher(Closing):
    """Closes rests inside of tokens. `inside`: may the text be a part of one token?"""

    def __init__(self, forks: Forks, inside: Callable[[bytes], bool]) -> None:
        super().__init__(forks)
        self._inside = inside
        self._bases: dict[Rest, Rest] = {}
        self._matters: dict[frozenset[bytes], frozenset[bytes]] = {}  # texts -> those inside of tokens
        self._bodies: dict[tuple[Terminal, frozenset[bytes]], Terminal] = {}

    def begin(self, closure: Closure, symbol: Fresh | Captured, below: Rest, tape: bytes | None) -> list[Rest]:
        """The body, in which a `Fresh` refuses what it must at once."""
        opened = below.recall(symbol, None)
        if isinstance(symbol, Captured):
            closure.begun += ((symbol, below),)
            return [opened.push_all(symbol.body)]
        closure.unsure |= below.seen.unsure
        return [opened.push(self.body(symbol, below.seen.texts))]

    def end(self, closure: Closure, recall: Recall, below: Rest, tape: bytes | None) -> list[Rest]:
        """What follows a `Fresh` anyway; the end of another text is noted."""
        captured = recall.captured
        if isinstance(captured, Captured):
            closure.recalls += ((captured, below),)
            return []
        return [sketched(captured, below)]

    def body(self, symbol: Fresh, seen: frozenset[bytes]) -> Terminal:
        """The body of `symbol`, without the texts that are refused and may come within a token."""
        refused = self.mattering(symbol.refused) | self.mattering(seen)
        if not refused:
            return symbol.body
        key = (symbol.body, refused)
        found = self._bodies.get(key)
        if found is None:
            automaton = symbol.body.automaton
            assert isinstance(automaton, Dfa)
            found = self._bodies[key] = Terminal(difference(automaton, literals(refused)), symbol.body.name)
        return found

    def mattering(self, texts: frozenset[bytes]) -> frozenset[bytes]:
        """Those of `texts` that may come within a token."""
        found = self._matters.get(texts)
        if found is None:
            found = self._matters[texts] = frozenset(filter(self._inside, texts))
        return found

    # ------------------------------------------------------------------ bases

    def base(self, rest: Rest) -> Rest:
        """`rest`, without what masks are computed without."""
        found = self._bases.get(rest)
        if found is not None:
            return found
        todo = [rest]
        while todo:
            one = todo[-1]
            unknown = [part for part in below(one) if part not in self._bases]
            if unknown:
                todo += unknown
            else:
                self._bases[one] = self._base_of(one)
                todo.pop()
        return self._bases[rest]

    def _base_of(self, rest: Rest) -> Rest:
        """The base of `rest`, given those of what is below."""
        if isinstance(rest, Fork):
            return self.forks.any_of(self._bases[choice] for choice in rest.forks())
        if rest.below is None or rest.symbol is None:
            return rest
        below = self._bases[rest.below]
        match rest.symbol:
            case Recall(captured):
                return below.recall(captured, None)
            case Seen(texts):
                return below.push(Seen(self.mattering(texts)))
            case _:
                return below.push(rest.symbol)

    def forget(self) -> None:
        """Drop all that was found."""
        self._bases.clear()
        self._matters.clear()
        self._bodies.clear()


class Noter(Closing):
    """Closes rests where only what begins and ends matters: each text that decides what follows is noted."""

    def begin(self, closure: Closure, symbol: Fresh | Captured, below: Rest, tape: bytes | None) -> list[Rest]:
        """The body; that it begins is noted."""
        closure.begun += ((symbol, below),)
        opened = below.recall(symbol, None)
        return [opened.push(symbol.body) if isinstance(symbol, Fresh) else opened.push_all(symbol.body)]

    def end(self, closure: Closure, recall: Recall, below: Rest, tape: bytes | None) -> list[Rest]:
        """That it ends is noted."""
        closure.recalls += ((recall.captured, below),)
        return []


def sketched(captured: Captured | Fresh, below: Rest) -> Rest:
    """What follows the text of `captured`, as far as it is the same for every text."""
    if isinstance(captured, Captured):
        return below.push_all(captured.sketch())
    assert below.below is not None
    return below.below.push(Seen(below.seen.texts, unsure=True)).push_all(captured.then)

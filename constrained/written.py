"""The shortest texts of what follows, each cut into tokens: enough to finish, though perhaps not the fewest.

{"ci|         way out of the key  `ty"`      2 tokens
              `: `                           1
              `""`                           1          each symbol is cut by itself, so this adds up
              `}`                            1          from rest to rest, and is found at a glance
              the end token                  1
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from constrained.automata.dfa import START, Dfa
from constrained.errors import Unsatisfiable, VocabularyError
from constrained.finishing import Finishing
from constrained.grammar import Completion, Control, Metered, Node, Switch, Symbol, Terminal
from constrained.leaps import Place
from constrained.rests import Recall, Rest, below
from constrained.segments import Ends, ends_of, fewest_tokens
from constrained.states import State, States
from constrained.vocabulary.vocabulary import Vocabulary
from constrained.ways_out import ways_out

ROWS = 20_000  # ways out of symbols that are remembered
NEVER = 1 << 30  # tokens: there is no way, or none that is known
_LONG = 256  # bytes of a text of which others may be ends: what is missing of an object, or of an array
_LONG_KEPT = 16


@dataclass(frozen=True, eq=False, slots=True)
class Cut:
    """A text in tokens: those `given`, or those of the end of a longer text, from `at` on."""

    given: Sequence[int] = ()
    ends: Ends | None = None
    at: int = 0

    def __len__(self) -> int:
        return len(self.given) if self.ends is None else int(self.ends.counts[self.at])

    @property
    def tokens(self) -> Sequence[int]:
        """All of them."""
        return self.given if self.ends is None else self.ends.tokens(self.at)


_NOTHING = Cut()


class Written:
    """The shortest texts of one grammar's places; what is found is kept."""

    def __init__(self, states: States, vocabulary: Vocabulary, finishing: Finishing) -> None:
        self._states = states
        self._vocabulary = vocabulary
        self._end = vocabulary.eos_token_ids[0]
        self._ends = frozenset(vocabulary.eos_token_ids)
        self._finishing = finishing
        self._ways = ways_out(vocabulary)
        self._cuts: dict[tuple[Symbol, frozenset[bytes]], Cut | None] = {}
        self._rows: dict[tuple[Terminal | Switch, int], Cut | None] = {}
        self._ends_of_rows: dict[tuple[Terminal, int], tuple[Ends, int]] = {}  # a text, and where a row's begins in it
        self._sums: dict[Rest, int] = {states.end: 1}
        self._long: tuple[Ends, ...] = ()  # texts of which others may be ends

    # ------------------------------------------------------------------ how many

    def place(self, place: Place) -> int:
        """So many tokens finish from a place, the end token included."""
        symbol, _, rest = place
        if symbol is None:
            return self.rest(rest)
        if isinstance(symbol, Metered):
            return self._ways.fewest(symbol.dfa, place[1]) + self.rest(rest)
        if isinstance(symbol, Terminal) and isinstance(symbol.automaton, Dfa):
            ends, at = self._text_from(symbol, symbol.automaton, place[1])
            count = ends.count(at)
            return NEVER if count is None else count + self.rest(rest)
        cut = self._cut_place(place)
        if cut is None:
            return NEVER
        return len(cut) if self._ends_in(cut, rest) else len(cut) + self.rest(rest)

    def rest(self, rest: Rest) -> int:
        """So many tokens finish before `rest`, which is not inside of a captured text."""
        todo = [rest]
        while todo:
            one = todo[-1]
            unknown = [] if one in self._sums else [part for part in below(one) if part not in self._sums]
            todo += unknown
            if not unknown:
                todo.pop()
                if one not in self._sums:
                    self._sums[one] = self._sum(one)
        return self._sums[rest]

    def _sum(self, rest: Rest) -> int:
        behind = min(self._sums[part] for part in below(rest))
        cut = self._cut_symbol(rest)
        if cut is None or behind >= NEVER:
            return NEVER
        return len(cut) if rest.below and self._ends_in(cut, rest.below) else len(cut) + behind

    # ------------------------------------------------------------------ which ones

    def tokens(self, place: Place) -> list[int]:
        """The tokens that `place` counts."""
        _, _, rest = place
        cut = self._cut_place(place)
        assert cut is not None
        tokens = list(cut.tokens)
        while not self._ends_in(cut, rest):
            parts = below(rest)
            if not parts:
                return [*tokens, self._end]
            cut = self._cut_symbol(rest)
            assert cut is not None
            tokens += cut.tokens
            rest = min(parts, key=self.rest)
        return tokens

    def state(self, state: State) -> list[int] | None:
        """The tokens of the shortest text that finishes; None where the vocabulary cannot write it.

        Where that text has too many of them for a `Metered` terminal, those of the texts of single symbols.
        """
        cut = self._cut(lambda: self._finishing.of_state(state))
        if cut is not None and self._ways.are_wanted and not self._finishes(state, cut):
            return self._by_symbols(state)
        if cut is None:
            return None
        tokens = cut.tokens
        return list(tokens) if tokens and tokens[-1] in self._ends else [*tokens, self._end]

    def tokens_of(self, control: Control) -> list[int]:
        """The tokens of `control` that this vocabulary has."""
        spellings = self._vocabulary.spellings
        return sorted(token for token in control.tokens if 0 <= token < len(spellings) and spellings[token] is None)

    def ends_with(self, token: int, rest: Rest) -> bool:
        """Does the text end with control token `token` in front of `rest`?"""
        return token in self._ends and self._states.close(rest, b"").accepting

    def _ends_in(self, cut: Cut, rest: Rest) -> bool:
        return bool(cut.given) and self.ends_with(cut.given[-1], rest)

    # ------------------------------------------------------------------ cutting

    def _cut_symbol(self, rest: Rest) -> Cut | None:
        symbol = rest.symbol
        if symbol is None:
            return _NOTHING
        assert not isinstance(symbol, Recall)
        key = symbol, rest.beside
        if key not in self._cuts:
            self._cuts[key] = self._cut_whole(*key)
        return self._cuts[key]

    def _cut_whole(self, symbol: Symbol, seen: frozenset[bytes]) -> Cut | None:
        """A shortest text of a symbol; where that has too many tokens for some terminal, another one."""
        if isinstance(symbol, Metered):
            return self._metered(symbol, START)
        cut = self._cut(lambda: self._finishing.of_symbol(symbol, seen))
        if cut is None or not self._ways.are_wanted or not isinstance(symbol, Node) or seen:
            return cut
        start = self._states.before(symbol)
        return cut if self._finishes(start, cut) else self._cut_apart(symbol)

    def _cut_apart(self, node: Node) -> Cut | None:
        """The texts of the symbols of one alternative, each cut by itself; None where none is found."""
        found: list[Cut] = []
        self._cuts[node, frozenset()] = None  # not one within itself
        for sequence in node.expand():
            parts = [self._cut_symbol(self._states.end.push(symbol)) for symbol in sequence]
            if None not in parts:
                found.append(Cut([token for part in parts if part for token in part.tokens]))
        return min(found, key=len, default=None)

    def _finishes(self, state: State, cut: Cut) -> bool:
        """May the text end behind these tokens?"""
        here: State | None = state
        for token in cut.tokens:
            if here is None:
                return False
            spelling = self._vocabulary.spellings[token]
            here = self._states.read_token(here, spelling) if spelling else self._states.pass_control(here, token)
        return here is not None and here.accepting

    def _by_symbols(self, state: State) -> list[int] | None:
        controls = ((control, 0, rest) for control, rest in state.controls)
        places = [place for place in (*state.configs, *controls) if not place[2].captures]
        best = min(places, key=self.place, default=None)
        return None if best is None or self.place(best) >= NEVER else self.tokens(best)

    def _cut_place(self, place: Place) -> Cut | None:
        symbol, row, _ = place
        if symbol is None:
            return _NOTHING
        if isinstance(symbol, Control):
            tokens = self.tokens_of(symbol)[:1]
            return Cut(tokens) if tokens else None
        if isinstance(symbol, Metered):
            return self._metered(symbol, row)
        if isinstance(symbol, Terminal) and isinstance(symbol.automaton, Dfa):
            ends, at = self._text_from(symbol, symbol.automaton, row)
            return None if ends.count(at) is None else Cut(ends=ends, at=at)
        key = (symbol, row)
        if key not in self._rows:
            if len(self._rows) >= ROWS:
                self._rows.clear()
            self._rows[key] = self._cut(lambda: self._finishing.of_row(symbol, row))
        return self._rows[key]

    def _text_from(self, symbol: Terminal, automaton: Dfa, row: int) -> tuple[Ends, int]:
        """A shortest text from a row, cut; along a literal, all rows' are ends of the first one's."""
        found = self._ends_of_rows.get((symbol, row))
        if found is None:
            if len(self._ends_of_rows) >= ROWS:
                self._ends_of_rows.clear()
            text = automaton.completion(row)
            ends = ends_of(self._vocabulary, text)
            found = ends, 0
            for place, byte in enumerate((*text, 0)):
                self._ends_of_rows.setdefault((symbol, row), (ends, place))
                row = automaton.after(row, byte) if place < len(text) else row
        return found

    def _metered(self, symbol: Metered, row: int) -> Cut | None:
        way = self._ways.way(symbol.dfa, row)
        return None if way is None else Cut(way)

    def _cut(self, complete: Callable[[], Completion]) -> Cut | None:
        """A completion in tokens; None where there is none, or the vocabulary cannot write it."""
        try:
            pieces = complete()
            if len(pieces) == 1 and isinstance(pieces[0], bytes):
                return self._cut_text(pieces[0])
            cuts = [fewest_tokens(self._vocabulary, one) if isinstance(one, bytes) else [one] for one in pieces]
        except (Unsatisfiable, VocabularyError):
            return None
        return Cut([token for cut in cuts for token in cut])

    def _cut_text(self, text: bytes) -> Cut | None:
        """The text that ends an array of a thousand items is the end of that of a thousand and one."""
        if len(text) < _LONG:
            return Cut(fewest_tokens(self._vocabulary, text))
        for ends in self._long:
            if ends.text.endswith(text):
                at = len(ends.text) - len(text)
                return None if ends.count(at) is None else Cut(ends=ends, at=at)
        ends = ends_of(self._vocabulary, text)
        self._long = (ends, *self._long[: _LONG_KEPT - 1])
        return Cut(ends.tokens())

"""The shortest texts of what follows, each cut into tokens: enough to finish, though perhaps not the fewest.

{"ci|         way out of the key  `ty"`      2 tokens
              `: `                           1
              `""`                           1          each symbol is cut by itself, so this adds up
              `}`                            1          from rest to rest, and is found at a glance
              the end token                  1
"""

from collections.abc import Callable, Sequence

from constrained.errors import Unsatisfiable, VocabularyError
from constrained.finishing import Finishing
from constrained.grammar import Completion, Control, Switch, Symbol, Terminal
from constrained.leaps import Place
from constrained.rests import Fork, Recall, Rest
from constrained.segments import fewest_tokens
from constrained.states import State, States
from constrained.vocabulary.vocabulary import Vocabulary

ROWS = 20_000  # ways out of symbols that are remembered
NEVER = 1 << 30  # tokens: there is no way, or none that is known

Cut = tuple[int, ...]  # a text in tokens


class Written:
    """The shortest texts of one grammar's places; what is found is kept."""

    def __init__(self, states: States, vocabulary: Vocabulary, finishing: Finishing) -> None:
        self._states = states
        self._vocabulary = vocabulary
        self._end = vocabulary.eos_token_ids[0]
        self._ends = frozenset(vocabulary.eos_token_ids)
        self._finishing = finishing
        self._cuts: dict[tuple[Symbol, frozenset[bytes]], Cut | None] = {}
        self._rows: dict[tuple[Terminal | Switch, int], Cut | None] = {}
        self._sums: dict[Rest, int] = {states.end: 1}

    # ------------------------------------------------------------------ how many

    def place(self, place: Place) -> int:
        """So many tokens finish from a place, the end token included."""
        symbol, _, rest = place
        if symbol is None:
            return self.rest(rest)
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
        tokens = list(cut)
        while not self._ends_in(cut, rest):
            parts = below(rest)
            if not parts:
                return [*tokens, self._end]
            cut = self._cut_symbol(rest)
            assert cut is not None
            tokens += cut
            rest = min(parts, key=self.rest)
        return tokens

    def state(self, state: State) -> list[int] | None:
        """The tokens of the shortest text that finishes; None where the vocabulary cannot write it."""
        cut = self._cut(lambda: self._finishing.of_state(state))
        if cut is None:
            return None
        return list(cut) if cut and cut[-1] in self._ends else [*cut, self._end]

    def tokens_of(self, control: Control) -> list[int]:
        """The tokens of `control` that this vocabulary has."""
        spellings = self._vocabulary.spellings
        return sorted(token for token in control.tokens if 0 <= token < len(spellings) and spellings[token] is None)

    def ends_with(self, token: int, rest: Rest) -> bool:
        """Does the text end with control token `token` in front of `rest`?"""
        return token in self._ends and self._states.close(rest, b"").accepting

    def _ends_in(self, cut: Sequence[int], rest: Rest) -> bool:
        return bool(cut) and self.ends_with(cut[-1], rest)

    # ------------------------------------------------------------------ cutting

    def _cut_symbol(self, rest: Rest) -> Cut | None:
        symbol = rest.symbol
        if symbol is None:
            return ()
        assert not isinstance(symbol, Recall)
        key = symbol, rest.beside
        if key not in self._cuts:
            self._cuts[key] = self._cut(lambda: self._finishing.of_symbol(*key))
        return self._cuts[key]

    def _cut_place(self, place: Place) -> Cut | None:
        symbol, row, _ = place
        if symbol is None:
            return ()
        if isinstance(symbol, Control):
            return tuple(self.tokens_of(symbol)[:1]) or None
        key = (symbol, row)
        if key not in self._rows:
            if len(self._rows) >= ROWS:
                self._rows.clear()
            self._rows[key] = self._cut(lambda: self._finishing.of_row(symbol, row))
        return self._rows[key]

    def _cut(self, complete: Callable[[], Completion]) -> Cut | None:
        """A completion in tokens; None where there is none, or the vocabulary cannot write it."""
        try:
            pieces = complete()
            cuts = [fewest_tokens(self._vocabulary, one) if isinstance(one, bytes) else [one] for one in pieces]
        except (Unsatisfiable, VocabularyError):
            return None
        return tuple(token for cut in cuts for token in cut)


def below(rest: Rest) -> tuple[Rest, ...]:
    """What may stand below the first symbol of `rest`, or what it stands for."""
    if isinstance(rest, Fork):
        return rest.choices
    return () if rest.below is None else (rest.below,)

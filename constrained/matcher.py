"""The pair that users hold: a compiled grammar, shared; a matcher, one per request.

    grammar = compile_json_schema(schema, vocabulary)    immutable to its users, any thread
    matcher = grammar.matcher()                          a list of states: where the request is
    matcher.bitmask()  ->  (W,) uint32                   what may come next
    matcher.advance(token)

A matcher is a list of states, one per token consumed, so rollback drops from its end and a fork is
a copy of the list.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constrained import remains
from constrained.completion import Shortest
from constrained.errors import TokenRefused
from constrained.finishing import Finishing, text_of
from constrained.forced import cut
from constrained.grammar import Completion, Symbol
from constrained.inner import walker_for
from constrained.mask import Masks
from constrained.metering import Metering
from constrained.segments import fewest_tokens
from constrained.states import State, States
from constrained.steering import Steering
from constrained.vocabulary.vocabulary import Vocabulary
from constrained.ways_out import ways_out

MEMO_BYTES = 256 << 20  # of states and masks kept per grammar, before they are dropped

_FORCED_LIMIT = 4096  # bytes looked ahead at once


class Identity:
    """What tells a grammar from others, found out when somebody asks."""

    __slots__ = ()

    def fingerprint(self) -> str:
        """Equal for equal grammars."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class CompiledGrammar:
    """A grammar over a vocabulary. Share it freely; everything memoised on it is bounded.

    `report` says what became of every part of the source, where the front end has one.
    `identity` is the fingerprint, which identifies source, options and vocabulary, or finds it out.
    """

    start: Symbol
    vocabulary: Vocabulary
    identity: str | Identity = ""
    report: Sequence[Any] = ()
    memo_bytes: int = MEMO_BYTES
    _states: list[States] = field(default_factory=list, repr=False)
    _masks: list[Masks] = field(default_factory=list, repr=False)
    _finishing: list[Finishing] = field(default_factory=list, repr=False)
    _steering: list[Steering] = field(default_factory=list, repr=False)

    @property
    def fingerprint(self) -> str:
        """A hash of source, options and vocabulary; empty where nobody gave one."""
        return self.identity if isinstance(self.identity, str) else self.identity.fingerprint()

    @property
    def states(self) -> States:
        """The transition function and its interning table."""
        if not self._states:
            states = States(self.start)
            states.make_metering = partial(Metering, vocabulary=self.vocabulary)
            self._states.append(states)
        return self._states[0]

    @property
    def masks(self) -> Masks:
        """The masks of its states."""
        masks = self._masks[-1:]
        if not masks:
            masks = [Masks(self.states, walker_for(self.vocabulary))]
            self._masks[:] = masks
        return masks[0]

    @property
    def finishing(self) -> Finishing:
        """The shortest completions of its states."""
        finishing = self._finishing[-1:]
        if not finishing:
            finishing = [Finishing(self.states, Shortest())]
            self._finishing[:] = finishing
        return finishing[0]

    @property
    def steering(self) -> Steering:
        """What a budget asks about its states."""
        steering = self._steering[-1:]
        if not steering:
            steering = [Steering(self.states, self.vocabulary, self.finishing, self.masks)]
            self._steering[:] = steering
        return steering[0]

    def matcher(self) -> "Matcher":
        """A new matcher at the start of the grammar."""
        return Matcher(self)

    @property
    def memo_size(self) -> int:
        """Bytes of the states, masks and completions that are memoised, roughly."""
        return self.states.size + self.masks.size + sum(finishing.size for finishing in self._finishing)

    def forget_if_full(self) -> None:
        """Drop what is memoised if it has outgrown `memo_bytes`."""
        if self.memo_size > self.memo_bytes:
            self.states.forget()
            self._masks.clear()
            self._finishing.clear()
            self._steering.clear()


class Matcher:
    """Where one text is in a grammar. Not for sharing between threads; forks are independent."""

    __slots__ = ("_grammar", "_path", "_states", "_tokens")

    def __init__(self, grammar: CompiledGrammar) -> None:
        self._grammar = grammar
        self._states = grammar.states
        self._path: list[State] = [self._states.start]
        self._tokens: list[int] = []

    # ------------------------------------------------------------------ asking

    @property
    def grammar(self) -> CompiledGrammar:
        """The grammar being matched."""
        return self._grammar

    @property
    def tokens(self) -> list[int]:
        """The tokens consumed so far (a copy)."""
        return list(self._tokens)

    @property
    def state(self) -> State:
        """The place in the grammar after the text so far, the end token left aside."""
        return self._path[-1]

    @property
    def is_accepting(self) -> bool:
        """May the text end here, so that an end token is allowed?"""
        return not self.is_finished and self._path[-1].accepting

    @property
    def is_finished(self) -> bool:
        """Has an end token been consumed?"""
        return len(self._path) <= len(self._tokens)

    def bitmask(self) -> NDArray[np.uint32]:
        """(W,) uint32: bit t % 32 of word t // 32 is set iff token t is allowed. Read-only.

        After an end token nothing is allowed.
        """
        state = self._path[-1]
        if self.is_finished:
            words = np.zeros(self._grammar.vocabulary.words, np.uint32)
            words.flags.writeable = False
            return words
        if state.mask is not None:
            return state.mask
        return self._grammar.masks.mask(state)  # what is kept grows with the states, so `advance` looks how much it is

    def allows(self, token: int) -> bool:
        """Is `token` allowed here? Does not compute a mask."""
        if self.is_finished:
            return False
        return self._after(token) is not None or self._ends(token, None)

    def may_end(self, kept: int, text: bytes) -> bool:
        """Could the text end after its first `kept` tokens and `text`?"""
        state = self._states.read(self._path[kept], text)
        return state is not None and state.accepting

    # ------------------------------------------------------------------ moving

    def advance(self, token: int) -> None:
        """Consume `token`. Raises TokenRefused, and stays where it is, if it is not allowed."""
        if self.is_finished:
            raise TokenRefused(token, len(self._tokens), "the text has ended")
        after = self._after(token)
        if not self._ends(token, after):
            if after is None:
                raise TokenRefused(token, len(self._tokens), self._why(token))
            self._path.append(after)
        self._tokens.append(token)

    def rollback(self, count: int) -> None:
        """Take back the last `count` tokens. Raises ValueError if there are fewer."""
        if not 0 <= count <= len(self._tokens):
            raise ValueError(f"cannot take back {count} of {len(self._tokens)} tokens")
        keep = len(self._tokens) - count
        del self._tokens[keep:]
        del self._path[keep + 1 :]

    def fork(self) -> "Matcher":
        """An independent matcher at the same place."""
        other = Matcher(self._grammar)
        other._path = self._path.copy()
        other._tokens = self._tokens.copy()
        return other

    # ------------------------------------------------------------------ looking ahead

    def forced_bytes(self) -> bytes:
        """The bytes that follow whatever the model thinks; empty where there is a choice."""
        if self.is_finished:
            return b""
        state = self._path[-1]
        if state.forced is None:
            state.forced = self._forced_from(state)[0]
        return state.forced

    def forced_tokens(self) -> list[int]:
        """The tokens that follow whatever the model thinks, cut as its tokenizer cuts them; often none.

        Also a control token, and the end token, where it is the only one allowed. Tokens that could
        merge with what comes behind them are left to the model.
        """
        if self.is_finished:
            return []
        tokens: list[int] = []
        state: State | None = self._path[-1]
        while state is not None and len(tokens) < _FORCED_LIMIT:
            fresh, state = self._forced_run(state, [*self._tokens, *tokens])
            tokens += fresh
        return self._in_time(tokens) if tokens and self._states.net.counts_tokens else tokens

    def _in_time(self, tokens: list[int]) -> list[int]:
        """Those of forced tokens with which no text has too many; behind them it is cut otherwise."""
        other = self.fork()
        for count, token in enumerate(tokens):
            if not other.allows(token):
                return tokens[:count]
            other.advance(token)
        return tokens

    def _forced_run(self, state: State, before: list[int]) -> tuple[list[int], State | None]:
        """Some forced tokens, and the state after them if there may be more."""
        vocabulary = self._grammar.vocabulary
        if not state.configs:
            return self._forced_control(state)
        forced, after = self._forced_from(state)
        tokens = cut(vocabulary, before, forced, last=not after.configs) if forced else []
        spelled = vocabulary.spell(tokens)
        if spelled is None or not forced.startswith(spelled):
            return [], None
        return tokens, after if tokens and spelled == forced else None

    def _forced_control(self, state: State) -> tuple[list[int], State | None]:
        """The only control or end token that may follow in a state where no text may."""
        walker = self._grammar.masks.walker
        allowed = {token for control, _ in state.controls for token in walker.tokens_of(control).tolist()}
        if state.accepting:
            allowed.update(self._grammar.vocabulary.eos_token_ids)
        if len(allowed) != 1:
            return [], None
        (token,) = allowed
        if token in self._grammar.vocabulary.eos_token_ids:
            return [token], None
        return [token], self._states.pass_control(state, token)

    def _forced_from(self, state: State) -> tuple[bytes, State]:
        """The forced bytes from `state`, and the state after them."""
        forced = bytearray()
        while len(forced) < _FORCED_LIMIT:
            byte = self._states.forced_byte(state)
            after = None if byte is None else self._states.step(state, byte)
            if byte is None or after is None:
                break
            forced.append(byte)
            state = after
        return bytes(forced), state

    def shortest_completion(self) -> bytes:
        """The bytes of a shortest way to finish; b"" where the text may end. Control tokens spell nothing."""
        return text_of(self._completion())

    def shortest_tokens(self) -> list[int]:
        """The tokens of a shortest way to finish (in bytes), the end token included; [] if finished."""
        if self.is_finished:
            return []
        tokens: list[int] = []
        for piece in self._completion():
            tokens += fewest_tokens(self._grammar.vocabulary, piece) if isinstance(piece, bytes) else [piece]
        if ways_out(self._grammar.vocabulary).are_wanted:
            tokens = self._grammar.steering.fewest.written.state(self._path[-1]) or tokens
        ends = self._grammar.vocabulary.eos_token_ids
        return tokens if tokens and tokens[-1] in ends else [*tokens, ends[0]]

    def _completion(self) -> Completion:
        if self.is_finished:
            return ()
        state = self._path[-1]
        found = state.completion
        if found is None:
            found = state.completion = self._grammar.finishing.of_state(state)
        return found

    def _after(self, token: int) -> State | None:
        state = self._path[-1]
        try:
            return state.by_token[token]
        except KeyError:
            self._grammar.forget_if_full()
            if remains.put_off:
                remains.take_some_apart()
            self._states.tally.steps += 1
            after = state.by_token[token] = self._read(state, token)
            return after

    def _ends(self, token: int, after: State | None) -> bool:
        """Does the text end with `token`, which leads to `after`?

        So it does where it may end anyway, and where an end token is the last thing that the grammar asks for.
        """
        if token not in self._grammar.vocabulary.eos_token_ids:
            return False
        return self._path[-1].accepting or (after is not None and after.accepting)

    def _read(self, state: State, token: int) -> State | None:
        spellings = self._grammar.vocabulary.spellings
        if not 0 <= token < len(spellings):
            return None
        spelling = spellings[token]
        if spelling:
            return self._states.read_token(state, spelling)
        return self._states.pass_control(state, token) if state.controls else None

    def _why(self, token: int) -> str:
        vocabulary = self._grammar.vocabulary
        if not 0 <= token < vocabulary.size:
            return f"the vocabulary has {vocabulary.size} tokens"
        spelling = vocabulary.spellings[token]
        if spelling is None:
            return "it is a control, end or unused token, and none is expected here"
        return f"{spelling!r} does not continue the grammar"


def replay(grammar: CompiledGrammar, tokens: Iterable[int]) -> Matcher:
    """A matcher that has consumed `tokens`; TokenRefused if the grammar does not allow them."""
    matcher = grammar.matcher()
    for token in tokens:
        matcher.advance(token)
    return matcher

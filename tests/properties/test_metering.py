"""Token limits inside of grammars, judged by threads that are read byte by byte and counted token by token."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from constrained.automata.algebra import literals
from constrained.budget import Budgeted
from constrained.completion import solve
from constrained.grammar import Terminal
from constrained.matcher import CompiledGrammar, Matcher
from constrained.metering import metered
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.context_free import lower

END = None


@dataclass(frozen=True)
class Piece:
    """Some texts, of which one is written in at most `most` tokens; 0 for any number."""

    texts: frozenset[bytes]
    most: int = 0

    def begins(self, text: bytes) -> bool:
        return any(one.startswith(text) for one in self.texts)

    def goes_on(self, text: bytes) -> bool:
        return any(one.startswith(text) and one != text for one in self.texts)


@dataclass(frozen=True)
class Thread:
    """One reading: what was read of `piece`, in so many tokens before this one; what follows (0: the start again)."""

    piece: Piece
    read: bytes
    used: int
    is_touched: bool
    follows: tuple[int, ...]


@dataclass(frozen=True)
class Twin:
    """The definition. A thread is alive at the end of a token if its text can be ended with the tokens left."""

    pieces: tuple[Piece, ...]
    bodies: tuple[tuple[int, ...], ...]  # numbers of pieces from 1 on; 0 is the start, last only
    tokens: tuple[bytes, ...]

    def opened(self, follows: tuple[int, ...]) -> Iterator[Thread | None]:
        """What may stand in front; None for the end of the text."""
        if not follows:
            yield END
        elif follows[0] == 0:
            for body in self.bodies:
                yield from self.opened(body)
        else:
            yield Thread(self.pieces[follows[0] - 1], b"", 0, False, follows[1:])

    def start(self) -> frozenset[Thread | None]:
        return frozenset(self.opened((0,)))

    def after(self, threads: frozenset[Thread | None], token: bytes) -> frozenset[Thread | None]:
        for byte in token:
            found: set[Thread | None] = set()
            for thread in threads:
                if thread is None or not thread.piece.begins(read := thread.read + bytes([byte])):
                    continue
                if thread.piece.goes_on(read):
                    found.add(replace(thread, read=read, is_touched=True))
                if read in thread.piece.texts:
                    found.update(self.opened(thread.follows))
            # a token that ends one text is one of that text's, and the thread of that text ends with it
            threads = frozenset(t for t in found if t is None or self.has_room(t))
        ended = (t and replace(t, used=t.used + t.is_touched, is_touched=False) for t in threads)
        return frozenset(t for t in ended if t is None or self.is_alive(t))

    def has_room(self, thread: Thread) -> bool:
        return not thread.piece.most or thread.used + thread.is_touched <= thread.piece.most

    def is_alive(self, thread: Thread) -> bool:
        if not thread.piece.most:
            return True
        left = thread.piece.most - thread.used
        return left > 0 and fewest(self.tokens, thread.piece.texts, thread.read) <= left

    def allowed(self, threads: frozenset[Thread | None]) -> set[int]:
        tokens = {number for number, token in enumerate(self.tokens) if self.after(threads, token)}
        return tokens | {len(self.tokens)} if END in threads else tokens

    def fewest_to_the_end(self, threads: frozenset[Thread | None]) -> int:
        level, count = {threads}, 1
        while not any(END in one for one in level):
            level = {after for one in level for token in self.tokens if (after := self.after(one, token))}
            count += 1
        return count


@lru_cache(1000)
def fewest(tokens: tuple[bytes, ...], texts: frozenset[bytes], read: bytes) -> int:
    """So many tokens end one of the texts, and end with it."""
    if read in texts:
        return 0
    ways = (read + token for token in tokens if any(one.startswith(read + token) for one in texts))
    return min((1 + fewest(tokens, texts, way) for way in ways), default=1000)


TEXTS = st.binary(min_size=1, max_size=5).map(lambda data: bytes(97 + byte % 2 for byte in data))
LANGUAGES = st.frozensets(TEXTS, min_size=1, max_size=4)
TOKENS = st.lists(TEXTS.filter(lambda text: len(text) > 1), max_size=5, unique=True)
WORDS = st.lists(st.integers(1, 3), min_size=1, max_size=3)
# Some go on with another body of these; one does not, so that there is an end.
BODIES = st.builds(
    lambda last, others: (tuple(last), *((*words, *((0,) if goes_on else ())) for words, goes_on in others)),
    WORDS,
    st.lists(st.tuples(WORDS, st.booleans()), max_size=2),
)


@st.composite
def twins(draw) -> Twin:
    tokens = (b"a", b"b", *draw(TOKENS))
    limited = [(texts, enough(tokens, texts) + draw(st.integers(0, 2))) for texts in (draw(LANGUAGES), draw(LANGUAGES))]
    return Twin((*(Piece(*one) for one in limited), Piece(draw(LANGUAGES))), draw(BODIES), tokens)


def enough(tokens: tuple[bytes, ...], texts: frozenset[bytes]) -> int:
    """So many tokens end one of the texts, whatever its first token was: a limit below is refused."""
    begun = {text[:length] for text in texts for length in range(len(text))} - texts
    return max(1, *(fewest(tokens, texts, read) + (read != b"") for read in begun | {b""}))


def compiled(twin: Twin) -> CompiledGrammar:
    vocabulary = Vocabulary.from_spellings([*twin.tokens, None], eos_token_ids=[len(twin.tokens)])
    terminals = []
    for number, piece in enumerate(twin.pieces):
        automaton = literals(sorted(piece.texts))
        terminals.append(metered(automaton, str(number), piece.most, vocabulary) if piece.most else Terminal(automaton))
    bodies = [tuple("start" if one == 0 else terminals[one - 1] for one in body) for body in twin.bodies]
    node = lower({"start": bodies}, "start")
    solve(node)
    return CompiledGrammar(node, vocabulary)


def mask_of(matcher: Matcher | Budgeted) -> set[int]:
    return set(np.flatnonzero(np.unpackbits(matcher.bitmask().view(np.uint8), bitorder="little")).tolist())


@given(twins(), st.randoms(use_true_random=False))
def test_masks_are_those_of_the_definition(twin, random):
    matcher, path = compiled(twin).matcher(), [twin.start()]
    for _ in range(12):
        allowed = twin.allowed(path[-1])
        assert mask_of(matcher) == allowed
        assert {token for token in range(len(twin.tokens) + 1) if matcher.allows(token)} == allowed
        assert allowed, "a dead end"
        token = random.choice(sorted(allowed))
        if token == len(twin.tokens):
            break
        matcher.advance(token)
        path.append(twin.after(path[-1], twin.tokens[token]))
        if random.random() < 0.3:
            count = random.randrange(len(path))
            matcher.rollback(count)
            del path[len(path) - count :]


@given(twins(), st.randoms(use_true_random=False))
def test_forced_tokens_and_shortest_ones_keep_to_the_limits(twin, random):
    matcher, threads = compiled(twin).matcher(), twin.start()
    for _ in range(6):
        for tokens in (matcher.forced_tokens(), matcher.shortest_tokens()):
            here = threads
            for token in tokens:
                assert token in twin.allowed(here)
                here = twin.after(here, twin.tokens[token]) if token < len(twin.tokens) else here
        token = random.choice(sorted(twin.allowed(threads)))
        if token == len(twin.tokens):
            break
        matcher.advance(token)
        threads = twin.after(threads, twin.tokens[token])


@given(twins(), st.integers(0, 3), st.randoms(use_true_random=False))
def test_budgets_are_kept_and_are_the_fewest_tokens_there_are(twin, more, random):
    matcher, threads = compiled(twin).matcher(), twin.start()
    least = Budgeted(matcher.fork(), 1000).minimum
    assert least == twin.fewest_to_the_end(threads)
    budgeted = Budgeted(matcher, least + more)
    while not budgeted.is_finished:
        allowed = mask_of(budgeted)
        assert allowed <= twin.allowed(threads)
        token = random.choice(sorted(allowed))
        budgeted.advance(token)
        threads = twin.after(threads, twin.tokens[token]) if token < len(twin.tokens) else threads
    assert len(budgeted.tokens) <= least + more

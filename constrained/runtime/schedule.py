"""Who is read, who is a row, who leaves: all that a batch decides, one plan a step.

    waiting ---> reading ---> rows ---> leaving

waiting   first come, first served; but while a prompt is being read, others that begin like it wait: what it
          leaves behind is theirs too
reading   in turns: whoever was served longest ago gets up to `prefill_step` tokens of its prompt, and what is
          left of them goes to the next, so short prompts overtake long ones. While there are rows, a step
          reads no more than takes half a second, as far as that is known
together  where little is left of several prompts, a pass for each would mostly read weights: they become rows
          with what is known of them, and one pass over the rows reads the rest
rows      in banks of similar length, since all rows of a bank have room for the longest
leaving   what was read of a sequence is kept for later prompts, at the places where they may part from it: at
          the end of its prompt, at its own end, and where an earlier prompt parted from it
"""

from collections import deque
from collections.abc import Collection, Mapping, Sequence

from constrained.runtime.costs import Costs
from constrained.runtime.passes import arrange
from constrained.runtime.plan import Begin, Join, Keep, Leave, Piece, Plan
from constrained.runtime.prefixes import Prefixes, common_prefix
from constrained.runtime.sequence import Running
from constrained.runtime.slots import WIDEST

HOLD_UP = 0.5  # seconds for which the rows may wait in one step while prompts are read
WORTH_WAITING = 64  # tokens of a prompt that is being read, and that another begins with too
WORTH_KEEPING = 64  # tokens that two prompts begin with, and that no entry serves
SHORT = 4  # times the base of a pass: what is left of a prompt that is read together with others
UNUSED = 8192  # tokens for which a bank may have room that it does not use, besides as many as it uses


class Schedule:
    """The sequences of a batch and where each of them is."""

    def __init__(self, *, max_batch: int, prefill_step: int, prefix_cache_bytes: int) -> None:
        self._max_batch = max_batch
        self._prefill_step = prefill_step
        self.costs = Costs()
        self._keeps = prefix_cache_bytes > 0
        self._trimmable = True  # as far as is known
        self._prefixes = Prefixes(prefix_cache_bytes)
        self.waiting: deque[Running] = deque()
        self.reading: deque[Running] = deque()
        self.rows: list[Running] = []
        self._leaving: list[Leave] = []
        self._forgotten: list[int] = []
        self._entries: dict[int, list[int]] = {}  # the tokens of entries that are being kept
        self._next_entry = 0

    @property
    def active(self) -> int:
        """Sequences with a cache."""
        return len(self.reading) + len(self.rows)

    @property
    def idle(self) -> bool:
        """Nothing to do, and nothing left behind."""
        return not (self.waiting or self.reading or self.rows or self._leaving or self._forgotten)

    @property
    def kept_bytes(self) -> int:
        """Of the entries that later prompts can use."""
        return self._prefixes.nbytes

    # ------------------------------------------------------------------ what happens to a sequence

    def add(self, sequence: Running) -> None:
        """Queue a sequence."""
        self.waiting.append(sequence)

    def remove(self, uid: int, *, keep: bool = False) -> None:
        """Take a sequence out, wherever it is; `keep` what the model has read of it for later prompts."""
        for place in (self.waiting, self.reading, self.rows):
            for sequence in place:
                if sequence.uid == uid:
                    place.remove(sequence)
                    if place is not self.waiting:
                        entry = self._new_entry(sequence.tokens[: sequence.done]) if keep else None
                        self._leaving.append(Leave(uid, entry))
                    return

    def reset(self) -> list[Running]:
        """Take out all that have a cache, and return them; what was kept is gone with the caches."""
        lost = [*self.reading, *self.rows]
        for place in (self.reading, self.rows, self._leaving, self._forgotten, self._entries):
            place.clear()
        self._prefixes.clear()
        return lost

    def kept(self, entry: int, nbytes: int, *, trimmable: bool) -> None:
        """Note that a plan's entry exists."""
        self._trimmable = trimmable
        tokens = self._entries.pop(entry)
        self._forgotten += self._prefixes.keep(entry, tokens, nbytes, trimmable=trimmable)

    def _new_entry(self, tokens: list[int]) -> int | None:
        if not self._keeps or not tokens:
            return None
        self._next_entry += 1
        self._entries[self._next_entry] = tokens
        return self._next_entry

    # ------------------------------------------------------------------ one step

    def plan(self) -> Plan:
        """Decide the next step, and note it as done."""
        leave, self._leaving = tuple(self._leaving), []
        forget, self._forgotten = tuple(self._forgotten), []
        begin = tuple(self._begin())
        room = self._room()
        pieces = {one.uid: _rest_of(one) for one in self._together(room)}
        read = tuple(self._read(room - sum(len(piece.tokens) for piece in pieces.values())))
        keep = tuple(self._keep_forks(read))
        join = tuple(self._join(pieces))
        passes = (*self._passes_over(pieces), *self._passes())
        return Plan(leave, forget, begin, read, keep, join, passes)

    def _begin(self) -> list[Begin]:
        begun: list[Begin] = []
        for sequence in list(self.waiting):
            if self.active >= self._max_batch:
                break
            entry, known = self._prefixes.find(sequence.prefix) or (None, 0)
            if self._is_being_read(sequence, known):
                continue
            sequence.done = sequence.known = known
            seen = self._prefixes.seen(sequence.prefix)
            sequence.fork = seen if seen >= known + WORTH_KEEPING else 0
            begun.append(Begin(sequence.uid, entry, known))
            self.waiting.remove(sequence)
            self.reading.append(sequence)
        return begun

    def _is_being_read(self, sequence: Running, known: int) -> bool:
        """Will another prompt leave behind much more of this one than is known?"""
        if not (self._keeps and self._trimmable):
            return False
        enough = known + WORTH_WAITING
        return any(common_prefix(sequence.beginning, other.beginning) >= enough for other in self.reading)

    def _room(self) -> int:
        """How many tokens of prompts this step may read."""
        affordable = self.costs.affordable(HOLD_UP) if self.rows else None
        return min(self._prefill_step, affordable or self._prefill_step)

    def _together(self, room: int) -> list[Running]:
        """Prompts that are short, or known but for a short rest: at least two, padded no more than there is room.

        What their caches hold can be cut: it is kept when they leave, and serves those that begin like them.
        """
        most = min(int(SHORT * self.costs.base), WIDEST) if self._trimmable else 0
        found: list[Running] = []
        for one in self.reading:
            is_short = one.done >= one.fork and 0 < one.unread <= most
            if is_short and (len(found) + 1) * max(one.unread, *(other.unread for other in found), 0) <= room:
                found.append(one)
        return found if len(found) > 1 else []

    def _read(self, left: int) -> list[Piece]:
        pieces: list[Piece] = []
        for _ in range(len(self.reading)):
            sequence = self.reading[0]
            size = min(left, sequence.unread)
            if sequence.done < sequence.fork:
                size = min(size, sequence.fork - sequence.done)
            if size:
                pieces.append(Piece(sequence.uid, tuple(sequence.tokens[sequence.done : sequence.done + size])))
                sequence.done += size
                left -= size
            self.reading.rotate(-1)
            if not left:
                break
        return pieces

    def _keep_forks(self, read: Sequence[Piece]) -> list[Keep]:
        """Those that have just read as far as an earlier prompt goes along with theirs."""
        uids = {piece.uid for piece in read}
        there = [one for one in self.reading if one.uid in uids and one.done == one.fork]
        entries = [(one.uid, self._new_entry(one.tokens[: one.done])) for one in there]
        return [Keep(uid, entry) for uid, entry in entries if entry is not None]

    def _join(self, together: Collection[int]) -> list[Join]:
        joining = [sequence for sequence in self.reading if not sequence.unread]
        joins: list[Join] = []
        for one in joining:
            self.reading.remove(one)
            one.join()
            one.bank = self._bank_for(one.done)
            self.rows.append(one)
            is_new = one.done > one.known and one.uid not in together
            entry = self._new_entry(one.tokens[: one.done]) if is_new else None
            joins.append(Join(one.uid, entry, one.bank))
        return joins

    def _bank_for(self, length: int) -> int:
        """A bank in which a row of so many tokens leaves not much more room unused than there is used."""
        lengths: dict[int, list[int]] = {}
        for row in self.rows:
            lengths.setdefault(row.bank, []).append(row.done)
        for bank, others in sorted(lengths.items()):
            together = [*others, length]
            if len(together) * max(together) <= 2 * sum(together) + UNUSED:
                return bank
        return max(lengths, default=-1) + 1

    def _passes_over(self, pieces: Mapping[int, Piece]) -> list[tuple[Piece, ...]]:
        """The passes that read what is left of prompts that are rows already: one in each bank."""
        banks: dict[int, list[Piece]] = {}
        for row in self.rows:
            if row.uid in pieces:
                banks.setdefault(row.bank, []).append(pieces[row.uid])
        return [tuple(banks[bank]) for bank in sorted(banks)]

    def _passes(self) -> list[tuple[Piece, ...]]:
        passes: list[tuple[Piece, ...]] = []
        for bank in sorted({row.bank for row in self.rows}):
            rows = [row for row in self.rows if row.bank == bank and row.feed]  # without: one whose mask is late
            arranged = arrange([len(row.feed) for row in rows], self.costs.base)
            passes += [tuple(_next_piece(rows[row], count) for row, count in one) for one in arranged]
        return passes


def _rest_of(prompt: Running) -> Piece:
    """What is left of a prompt, noted as read; its row reads the last token, and nobody needs logits before."""
    rest = prompt.tokens[prompt.done : prompt.done + prompt.unread]
    prompt.done += len(rest)
    return Piece(prompt.uid, tuple(rest), wanted=0)


def _next_piece(row: Running, count: int) -> Piece:
    """What a row reads next, noted as read."""
    piece = Piece(row.uid, tuple(row.feed[:count]), count if row.unsaid else 1)
    row.done += count
    del row.feed[:count]
    return piece

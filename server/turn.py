"""From the tokens of one sequence to the events of one answer.

    TokenEvent --> framer --> TextDelta --> stop strings --> TextDelta
                          `-> ReasoningDelta, calls
               `-> counts, scores

An answer in words that reaches the limit is cut off ("length"). A call or an answer in JSON is complete
by then, for a budget steered it there, and says so: its clients would throw a "length" away.
"""

import time
from collections.abc import Callable, Collection
from typing import assert_never

from constrained.runtime import GeneratedToken, PrefillProgress, SequenceEvent, SequenceFailed, TokenEvent
from grammars.tools.events import CallStarted, Finished, TextDelta
from grammars.tools.framing import Framer
from server.errors import problem_of
from server.events import Candidate, Event, Failed, Measured, Prefilled, Score, Scored, Watched
from server.stops import Stops

Spell = Callable[[int], bytes]


class TurnReader:
    """Reads one sequence. Feed it every event of it, in order.

    prompt     tokens in the prompt
    spell      the bytes of a token
    ends       the tokens that end a text: one that stops without any was cut, if it could have gone on
    is_free    is an answer without calls any text, rather than one of a schema or a grammar?
    scored     are scores wanted?
    watch      makes events of the tokens themselves, where a client wants to see them
    """

    def __init__(
        self,
        framer: Framer,
        *,
        prompt: int,
        spell: Spell,
        ends: Collection[int],
        is_free: bool,
        stops: tuple[str, ...] = (),
        scored: bool = False,
        watch: Callable[[GeneratedToken], Watched] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._framer = framer
        self._prompt = prompt
        self._spell = spell
        self._ends = ends
        self._is_free = is_free
        self._stops = Stops(stops if is_free else ())
        self._scored = scored
        self._watch = watch
        self._clock = clock
        self._began = self._first = clock()
        self._calls = 0
        self._cached = 0
        self._completion = self._reasoning = self._forced = 0
        self._steered = False
        self.is_over = False

    def feed(self, event: SequenceEvent) -> list[Event]:
        """What an event says. After `is_over` nothing more comes, and the sequence can be cancelled."""
        match event:
            case PrefillProgress(_, done, total, known):
                self._cached = known
                return [Prefilled(done, total)]
            case SequenceFailed(_, error):
                self.is_over = True
                return [Failed(problem_of(error))]
            case TokenEvent(_, token):
                return self._token(token)
            case _:
                assert_never(event)

    def _token(self, token: GeneratedToken) -> list[Event]:
        return [*([self._watch(token)] if self._watch else ()), *self._said(token)]

    def _said(self, token: GeneratedToken) -> list[Event]:
        self._count(token)
        thinking = self._framer.in_reasoning
        events = self._checked(list(self._framer.feed_token(token.id)))
        self._reasoning += thinking
        if self._scored and token.text and not (thinking or self._framer.in_reasoning or self._calls):
            events.insert(0, Scored((self._score(token),)))
        if self._stops.found is not None:
            return [*events, Finished("stop"), *self._end()]
        if token.finish_reason is not None:
            events += self._finish(token.finish_reason, ended=token.id in self._ends)
        return events

    def _checked(self, events: list[Event]) -> list[Event]:
        """Words pass through the stop strings; a call ends them, and what they held back is said."""
        found: list[Event] = []
        for event in events:
            if isinstance(event, TextDelta):
                text = self._stops.feed(event.text)
                found += [TextDelta(text)] if text else []
            elif self._stops.found is None:
                if isinstance(event, CallStarted | Finished) and (rest := self._stops.rest()):
                    found.append(TextDelta(rest))
                self._calls += isinstance(event, CallStarted)
                found.append(event)
        return found

    def _finish(self, why: str, *, ended: bool) -> list[Event]:
        self._steered = why == "budget"
        cut = not ended and self._is_free and not self._calls
        events = self._checked(list(self._framer.finish(cut=cut)))
        if self._stops.found is not None:  # the framer's last words held one
            events.append(Finished("stop"))
        return [*events, *self._end()]

    def _end(self) -> list[Event]:
        self.is_over = True
        now = self._clock()
        return [
            Measured(
                prompt=self._prompt,
                cached=self._cached,
                completion=self._completion,
                reasoning=self._reasoning,
                forced=self._forced,
                steered=self._steered,
                stop_sequence=self._stops.found,
                prefill_seconds=self._first - self._began,
                decode_seconds=now - self._first,
            )
        ]

    def _count(self, token: GeneratedToken) -> None:
        if not self._completion:
            self._first = self._clock()
        self._completion += 1
        self._forced += token.forced

    def _score(self, token: GeneratedToken) -> Score:
        chosen = Candidate(token.text, token.logprob or 0.0)
        likeliest = getattr(token, "top_logprobs", ())
        return Score(chosen, tuple(Candidate(self._spell(other), logprob) for other, logprob in likeliest))

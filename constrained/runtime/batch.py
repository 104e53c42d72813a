"""Many sequences through one model, each with its own grammar, or none.

    waiting ---> reading the prompt ---> row of the batch ---> finished
      queue      one piece a step        one pass a step

One step, in this order:

    1  decide: who begins, which piece of which prompt is read, who becomes a row   (schedule.py)
    2  worker threads begin to compute the masks of all rows                        (workers.py)
    3  the pass over what every row said last is started, and the model runs        (rows.py)
    4  one upload of the masks, one selection, one reading of the tokens            (selection.py)
       a row whose mask is late keeps its logits until the mask is there            (questions.py)
       on a GPU the next pass is mostly started before the tokens are read          (ahead.py)
    5  workers tell every row's grammar its token, and ask for those that are forced to follow: the next passes
       read them (passes.py); a row whose grammar is late sits out the passes until it has an answer

The token of a row is chosen from its own logits with its own sampler, whose randomness depends on seed
and position alone: who shares the batch changes nothing but the last bits of the logits.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import mlx.core as mx
from mlx_lm.tokenizer_utils import TokenizerWrapper
from mlx_lm.utils import maybe_set_recommended_wired_limit

from constrained.errors import ModelError, OutOfTime
from constrained.runtime.ahead import all_flow, with_earlier
from constrained.runtime.answer import Answer, Forced, SequenceRequest
from constrained.runtime.constraint import Guide, guide_of
from constrained.runtime.generated import GeneratedToken
from constrained.runtime.models import LanguageModel, vocabulary_of
from constrained.runtime.plan import Plan
from constrained.runtime.questions import LateRows, Question, gathered
from constrained.runtime.rows import Outcome, Rows
from constrained.runtime.schedule import Schedule
from constrained.runtime.selection import Picked, select
from constrained.runtime.sequence import (
    PrefillProgress,
    Running,
    Said,
    SequenceEvent,
    SequenceFailed,
    TokenEvent,
    said_by,
)
from constrained.runtime.workers import Workers
from constrained.vocabulary.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True, eq=False)
class Saying:
    """A sequence whose grammar is told a token, or asked what it begins with (`question` None), and since when.

    was_read  the model reads the token already, in a pass that runs ahead
    """

    sequence: Running
    since: float
    question: Question | None = None
    picked: Picked | None = None
    was_read: bool = False

    def ask(self) -> Said:
        """Ask the grammar; in a worker."""
        if self.picked is None:
            return said_by(self.sequence.answer)
        return said_by(self.sequence.answer, self.picked.token, steered=self.picked.steered)


class BatchEngine:
    """Generates many sequences at once. Create it, and call it, in one thread.

    max_batch           sequences that are read or generated at the same time; others wait
    prefill_step        prompt tokens read in one step, so that a long prompt does not hold up the others
    prefix_cache_bytes  keys and values kept for prompts that begin like earlier ones; 0 keeps none
    mask_seconds        for one mask, or for what follows a token; a grammar that takes longer ends its sequence
                        with OutOfTime, and holds up no other

    run_ahead           start passes before their tokens are read; by default on a GPU
    rows                who executes the passes; by default this process, alone

    Raises ModelError for a model whose caches cannot be batched.
    """

    def __init__(
        self,
        model: LanguageModel,
        tokenizer: TokenizerWrapper | Vocabulary,
        *,
        max_batch: int = 8,
        prefill_step: int = 512,
        prefix_cache_bytes: int = 1 << 30,
        mask_seconds: float = 20.0,
        run_ahead: bool | None = None,
        rows: Rows | None = None,
    ) -> None:
        if max_batch < 1 or prefill_step < 1 or prefix_cache_bytes < 0:
            raise ValueError("max_batch and prefill_step must be at least 1, prefix_cache_bytes at least 0")
        self._vocabulary = vocabulary_of(model, tokenizer)
        self._schedule = Schedule(max_batch=max_batch, prefill_step=prefill_step, prefix_cache_bytes=prefix_cache_bytes)
        self._rows = rows or Rows(model, solo=max_batch == 1)
        self._guides = Workers[Guide](mask_seconds)
        self._sayers = Workers[Said](mask_seconds)
        wanted = mx.default_device() == mx.gpu if run_ahead is None else run_ahead
        self._runs_ahead = wanted and self._rows.runs_ahead
        self._ahead: Outcome | None = None  # of a pass over tokens that were not known yet
        self._late = LateRows()
        self._saying: dict[int, Saying] = {}
        self._mask_seconds = mask_seconds
        self._next_uid = 0
        self._new: list[Running] = []  # added since the last step
        self._wired_limit = maybe_set_recommended_wired_limit()

    # ------------------------------------------------------------------ asking and telling

    @property
    def idle(self) -> bool:
        """Is there nothing to do? After the last event one more step may give memory back."""
        return self._schedule.idle and not self._new and not self._saying

    @property
    def active(self) -> int:
        """Sequences whose prompt is being read or whose tokens are being generated."""
        return self._schedule.active

    @property
    def waiting(self) -> int:
        """Sequences that wait for room."""
        beginning = sum(1 for one in self._saying.values() if one.question is None)
        return len(self._schedule.waiting) + len(self._new) + beginning

    @property
    def mask_seconds(self) -> float:
        """Seconds that worker threads have spent on masks."""
        return self._guides.seconds

    @property
    def kept_bytes(self) -> int:
        """Keys and values that are kept for later prompts."""
        return self._schedule.kept_bytes

    def add(self, request: SequenceRequest) -> int:
        """Queue a sequence; it begins when there is room. Returns its uid.

        Raises ValueError if a bias names a token that the vocabulary does not have.
        """
        sequence = Running(self._next_uid + 1, Answer(request, self._vocabulary))
        self._next_uid += 1
        self._new.append(sequence)
        return self._next_uid

    def cancel(self, uid: int) -> None:
        """Forget a sequence, whatever it is doing: the next step does not know it. Unknown uids are ignored."""
        self._remove(uid)
        self._new = [sequence for sequence in self._new if sequence.uid != uid]

    def close(self) -> None:
        """Forget all sequences, stop the workers, give the memory back."""
        self._guides.close()
        self._sayers.close()
        self._rows.clear()
        self._ahead = None
        if self._wired_limit is not None:
            mx.synchronize()
            mx.set_wired_limit(self._wired_limit)
            self._wired_limit = None
        mx.clear_cache()

    # ------------------------------------------------------------------ one step

    def step(self) -> list[SequenceEvent]:
        """Read a piece of a prompt, give every row a token; return what happened, [] when idle."""
        if self.idle:
            return []
        events = self._begin()
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            self._keep_for_later(ahead)
        read_ahead = {row.uid for row in self._choosing()}
        plan = self._schedule.plan()
        asked = {
            row.uid: partial(guide_of, one) for row in self._choosing() if (one := row.answer.constraint) is not None
        }
        try:
            self._guides.ask(asked)
            outcome = self._rows.execute(plan)
            if ahead is not None:
                outcome = with_earlier(outcome, ahead, read_ahead)
            nothing = outcome.logits is None and not plan.read
            guides = self._guides.collect(asked.keys() - self._late.uids, idle=nothing) if asked else {}
            events += self._progress(plan, outcome)
            events += self._generate(outcome, guides)
            events += self._heard((), idle=True) if nothing and not asked else []
            events += self._give_up()
            self._measure(plan, outcome, ahead)
        except Exception as error:  # noqa: BLE001  a pass that fails takes all its rows with it, and nothing else
            events += self._fail_active(error)
        if self.idle:
            mx.clear_cache()
        return events

    def _choosing(self) -> list[Running]:
        """The rows of which a token is to be chosen, once the model has read what the plan says."""
        return [row for row in self._schedule.rows if row.uid not in self._saying and row.chooses]

    def _remove(self, uid: int, *, keep: bool = False) -> None:
        self._schedule.remove(uid, keep=keep)
        self._late.drop(uid)
        self._saying.pop(uid, None)

    def _fail(self, uid: int, error: Exception) -> SequenceFailed:
        """The end of a sequence that fails alone."""
        self._remove(uid)
        return SequenceFailed(uid, error)

    def _begin(self) -> list[SequenceEvent]:
        """Ask what new sequences must begin with: it is read with the prompt, and nobody has to wait for it."""
        new, self._new = self._new, []
        return self._say([Saying(sequence, time.monotonic()) for sequence in new])

    def _say(self, all_: Sequence[Saying]) -> list[SequenceEvent]:
        """Tell grammars what was said; what they make of it, as far as they do not think about it for long."""
        events: list[SequenceEvent] = []
        asked: dict[int, Callable[[], Said]] = {}
        for one in all_:
            if one.sequence.answer.constraint is None:
                events += self._follow(one, one.ask())
            else:
                self._saying[one.sequence.uid] = one
                asked[one.sequence.uid] = one.ask
        self._sayers.ask(asked)
        return events + self._heard(asked.keys())

    def _heard(self, uids: Collection[int], *, idle: bool = False) -> list[SequenceEvent]:
        """What grammars have made of what was said. Waits for those of `uids`, or for any (`idle`), not for long."""
        events: list[SequenceEvent] = []
        for uid, said in self._sayers.collect(uids, idle=idle).items() if self._saying else ():
            saying = self._saying.pop(uid, None)
            if saying is None:  # cancelled
                continue
            try:
                events += self._follow(saying, said)
            except Exception as error:  # noqa: BLE001  its constraint's own failure
                events.append(self._fail(uid, error))
        return events

    def _follow(self, saying: Saying, said: Said | Exception) -> list[TokenEvent]:
        if isinstance(said, Exception):
            raise said
        sequence, question, picked = saying.sequence, saying.question, saying.picked
        if said.forced:  # a pass over the token alone came too early
            self._late.drop(sequence.uid)
        else:
            self._late.renew(sequence.uid)
        first: list[GeneratedToken] = []
        if question is None:
            self._schedule.add(sequence)
        else:
            assert picked is not None
            assert not isinstance(question.guide, Exception)
            first = [sequence.answer.event(picked, question.guide, said.why)]
        return self._events(sequence, first + sequence.say(said, was_read=saying.was_read))

    def _keep_for_later(self, ahead: Outcome) -> None:
        """Keep the logits of rows whose grammars are still being told the token that was read ahead."""
        for place, uid in enumerate(ahead.uids):
            if uid in self._saying:
                self._late.keep(uid, ahead.at([place]))

    def _progress(self, plan: Plan, outcome: Outcome) -> list[SequenceEvent]:
        """What became of the prompts."""
        for kept in outcome.kept:
            self._schedule.kept(kept.entry, kept.nbytes, trimmable=kept.trimmable)
        failed: list[SequenceEvent] = [self._fail(uid, error) for uid, error in outcome.failed.items()]
        moved = {one.uid for one in (*plan.begin, *plan.read, *plan.join)}
        sequences = [one for one in (*self._schedule.reading, *self._schedule.rows) if one.uid in moved and one.done]
        return failed + [PrefillProgress(one.uid, *one.progress) for one in sequences]

    def _generate(self, outcome: Outcome, guides: Mapping[int, Guide | Exception]) -> list[SequenceEvent]:
        """Ask for the tokens of all rows that have read what they knew, with one reading, and take them."""
        questions = self._late.questions(outcome, self._schedule.rows, guides)
        if not questions:
            return []
        selection = select(gathered(questions, outcome), [question.row for question in questions])
        if self._runs_ahead and not self._schedule.reading and all_flow(questions, self._schedule.rows):
            selection.start()
            self._ahead = self._rows.run_ahead([question.sequence.uid for question in questions], selection.tokens)
        return self._take(questions, selection.read_each())

    def _take(self, questions: Sequence[Question], found: Sequence[Picked | ModelError]) -> list[SequenceEvent]:
        """Say the forced tokens, and tell the grammars the chosen ones."""
        events: list[SequenceEvent] = []
        saying: list[Saying] = []
        gone: set[int] = set()
        for question, one in zip(questions, found, strict=True):
            sequence, forced = question.sequence, question.forced
            if sequence.uid in gone or sequence.answer.stops.found is not None:  # over, with an earlier question
                continue
            try:
                picked = question.picked(one)
                if forced is None:
                    saying.append(Saying(sequence, time.monotonic(), question, picked, self._ahead is not None))
                else:
                    events += self._tell_forced(question, forced, picked)
            except Exception as error:  # noqa: BLE001  a row's own failure
                gone.add(sequence.uid)
                events.append(self._fail(sequence.uid, error))
        return events + self._say(saying)

    def _give_up(self) -> list[SequenceEvent]:
        """End the sequences whose grammars have been thinking for too long."""
        until = time.monotonic() - self._mask_seconds
        saying = [uid for uid, one in self._saying.items() if one.since < until]
        message = f"the grammar takes more than {self._mask_seconds:g} seconds for one token"
        return [self._fail(uid, OutOfTime(message)) for uid in dict.fromkeys(self._late.since(until) + saying)]

    def _tell_forced(self, question: Question, forced: Forced, picked: Picked) -> list[TokenEvent]:
        """Say a forced token that has waited for its log-probability."""
        assert not isinstance(question.guide, Exception)
        question.sequence.unsaid.popleft()
        event = question.sequence.answer.event(picked, question.guide, forced.why)
        return self._events(question.sequence, [replace(event, forced=True)])

    def _events(self, sequence: Running, said: Sequence[GeneratedToken]) -> list[TokenEvent]:
        """What a sequence has said, as far as it cannot become a stop string; with its last token, it leaves."""
        stops = sequence.answer.stops
        told = [token for one in said if stops.found is None for token in stops.feed(one)]
        if stops.found is not None or (sequence.answer.why is not None and not sequence.unsaid):
            self._remove(sequence.uid, keep=True)
        return [TokenEvent(sequence.uid, token) for token in told]

    def _measure(self, plan: Plan, outcome: Outcome, ahead: Outcome | None) -> None:
        """Note what the step's passes took. The last token has been read, so they are over."""
        for spent in outcome.spent:
            self._schedule.costs.read(spent.tokens, spent.seconds)
        alone = ahead is None and self._ahead is None and len(plan.passes) == 1
        if alone and all(len(piece.tokens) == 1 for piece in plan.passes[0]):
            self._schedule.costs.passed(len(plan.passes[0]), time.perf_counter() - outcome.started)

    def _fail_active(self, error: Exception) -> list[SequenceEvent]:
        self._rows.clear()
        self._late.clear()
        self._saying = {uid: one for uid, one in self._saying.items() if one.question is None}
        self._ahead = None
        return [SequenceFailed(sequence.uid, error) for sequence in self._schedule.reset()]

"""When a batch goes on before it knows what was chosen, and what becomes of the pass that it has begun.

    device   pick t | pass over t ......... | pick u | pass over u ....
    host            `- read t, tell, masks -'        `- read u, tell, masks

On a GPU the device would otherwise wait for the host: for the tokens to be read, told to grammars and users, and for
the next graph to be built. The pass is of the right tokens whatever they are, so results are the same. It is in vain
only for a row that has said its last token; and for one behind whose token others must follow it comes too early,
since they would have been read with it. So nobody runs ahead

    * while prompts are read, rows wait for masks, or log-probabilities of forced tokens are asked for,
    * when a row has just one token left,
    * when a row may take tokens without asking and has few to choose from: there, others mostly must follow.
      In the middle of texts it has many.

On the CPU backend a pass blocks the thread that starts it: nothing is won, and tokens are told a pass later.
"""

from collections.abc import Collection, Sequence

import mlx.core as mx
import numpy as np

from constrained.runtime.answer import Answer
from constrained.runtime.constraint import Guide
from constrained.runtime.few import MOST
from constrained.runtime.questions import Question
from constrained.runtime.rows import Outcome
from constrained.runtime.sequence import Running


def all_flow(questions: Sequence[Question], rows: Sequence[Running]) -> bool:
    """Does every row there is choose a token now, which will be read alone, and in one pass?"""
    if len(questions) != len(rows) or len({row.bank for row in rows}) > 1:
        return False
    if any(one.kept is not None or one.forced is not None for one in questions):
        return False
    guides = [(one.sequence.answer, one.guide) for one in questions]
    return all(not isinstance(guide, Exception) and _flows(answer, guide) for answer, guide in guides)


def with_earlier(outcome: Outcome, earlier: Outcome, uids: Collection[int]) -> Outcome:
    """`outcome`, and before it what an earlier pass has found out about `uids`."""
    places = [place for place, uid in enumerate(earlier.uids) if uid in uids]
    if not places:
        return outcome
    logits = earlier.at(places)
    outcome.uids = [earlier.uids[place] for place in places] + outcome.uids
    outcome.logits = logits if outcome.logits is None else mx.concatenate([logits, outcome.logits])
    return outcome


def _flows(answer: Answer, guide: Guide | None) -> bool:
    """Will the next token be read alone, as far as can be said before it is chosen?"""
    asked = answer.request
    if answer.position + 1 >= asked.max_tokens:
        return False
    if guide is None or not asked.fast_forward:
        return True
    looks = asked.logprobs_of_forced or asked.observe
    return not looks and int(np.bitwise_count(guide.mask).sum()) > MOST

"""The one corner that imports MLX: masks on logits, generation loops, loading models.

apply.py       a packed mask meets the logits, on the device
processor.py   a grammar as a logits processor, for mlx-lm and its hosts
decode.py      our own loop, one event per token (generated.py)
answer.py      what is asked of one sequence, and the answer as it grows; stopping.py ends it
batch.py       many sequences through one model: schedule.py decides, rows.py executes its plans (plan.py)
questions.py   what its logits are for; ahead.py when it goes on before it knows what was chosen
bank.py        their rows; slots.py keys and values, layers.py other kinds of caches
selection.py   from logits, masks and penalties to tokens, for one sequence or a batch
sampling.py    from log-probabilities to a token
models.py      loading; packaged_model.py has one that needs no download
"""

from constrained.runtime.blas import prefer_openblas

OPENBLAS = prefer_openblas()  # was one loaded? only before the first import of mlx.core, which the next lines are

from constrained.runtime.answer import SequenceRequest  # noqa: E402
from constrained.runtime.apply import apply_mask  # noqa: E402
from constrained.runtime.batch import BatchEngine  # noqa: E402
from constrained.runtime.decode import generate, stream  # noqa: E402
from constrained.runtime.generated import GeneratedToken, Generation  # noqa: E402
from constrained.runtime.models import LoadedModel, Prompt, chat_ids, load_model, load_tokenizer, vocabulary_of  # noqa: E402
from constrained.runtime.processor import GrammarProcessor  # noqa: E402
from constrained.runtime.sampling import Sampler  # noqa: E402
from constrained.runtime.selection import Adjustments  # noqa: E402
from constrained.runtime.sequence import (  # noqa: E402
    PrefillProgress,
    SequenceEvent,
    SequenceFailed,
    TokenEvent,
)

__all__ = [
    "Adjustments",
    "BatchEngine",
    "GeneratedToken",
    "Generation",
    "GrammarProcessor",
    "LoadedModel",
    "PrefillProgress",
    "Prompt",
    "Sampler",
    "SequenceEvent",
    "SequenceFailed",
    "SequenceRequest",
    "TokenEvent",
    "apply_mask",
    "chat_ids",
    "generate",
    "load_model",
    "load_tokenizer",
    "stream",
    "vocabulary_of",
]

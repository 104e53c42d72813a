"""What grammars share, and how much of it is kept.

    automata   of patterns, keys, numbers: by what they were drawn from; one memory for a process
    masks      of automata, over one vocabulary: one memory for each vocabulary
    the rest   states and masks of one grammar: each has its own `memo_bytes`, and is gone with its grammar

A request that brings a tool never seen before leaves some automata and masks behind, in case that it comes again.
All are bounded in bytes, not in entries, since they differ in size by orders of magnitude; when they are
full, what was not asked for lately goes. Nothing depends on what is kept but time.
"""

from constrained.automata.remembered import memory
from constrained.inner import Walker


def limit_memory(*, automata: int | None = None, masks: int | None = None) -> None:
    """Keep at most so many bytes of automata, and of masks for each vocabulary. 256 MB each if never called.

    For the whole process, from now on. A tool that was never seen leaves some 7 KB of automata, and 17 KB of masks at
    128,256 tokens. Raises ValueError for negative bounds.
    """
    if min(automata or 0, masks or 0) < 0:
        raise ValueError(f"bounds must not be negative, not {automata} and {masks}")
    if automata is not None:
        memory.limit(automata)
    if masks is not None:
        Walker.most_bytes = masks

"""Python's collector where somebody waits for tokens: it looks through everything when nobody does.

    ready: collect, freeze    generating: what is young, as ever        quiet: in full,
    what is there stays       in full after `MOST` such at the latest   if there were `ENOUGH` such

A full collection stops all threads, and so every answer, for as long as it takes: some milliseconds for what an hour of
requests keeps, more for what has been dropped. The process is the server's own, so it may say when.
"""

import gc

from constrained import remains

ENOUGH = 2  # collections of what is young, 7,000 objects each that were not freed by themselves
MOST = 100


def settle() -> None:
    """What is loaded by now stays: looking through it again would stop everything for tens of milliseconds."""
    gc.collect()
    gc.freeze()
    youngest, young, _ = gc.get_threshold()
    gc.set_threshold(youngest, young, MOST)


def in_quiet() -> None:
    """Nobody waits: take dropped grammars apart, and look through what has come since, if it is worth it."""
    remains.take_apart()
    if gc.get_count()[2] >= ENOUGH:
        gc.collect()

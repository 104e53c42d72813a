"""Several processes that run one model: who is who, who says what to whom, and what happens when one is lost.

place.py      which rank this process is, and where rank 0 listens
channel.py    orders from rank 0 to the others, signs of life
guard.py      ends a process that hangs while the ranks find each other

Nothing here knows models: `constrained.runtime.sharding` does.
"""

"""A command on several ranks: `mlx.launch -n 2 --backend ring -- constrained call ... --sharding pipeline`.

Every rank runs the same command line. Rank 0 answers; on the others `Ranks` does not return: they do what rank 0
orders, and end when it does.
"""

from collections.abc import Callable
from typing import Unpack

from constrained.budget import Budgeted
from constrained.errors import ShardingError
from constrained.matcher import CompiledGrammar
from constrained.ranks.channel import EXIT, Follower
from constrained.ranks.place import Place
from constrained.runtime import GeneratedToken, Generation
from constrained.runtime.answer import SequenceRequest
from constrained.runtime.batch import BatchEngine
from constrained.runtime.sampling import Sampler, Sampling
from constrained.runtime.sequence import SequenceFailed, TokenEvent
from constrained.runtime.sharding.following import LeadingRows, follow
from constrained.runtime.sharding.joining import Sharding, join


class Ranks:
    """Rank 0 among the others, with its part of the model loaded. Elsewhere the process ends in here."""

    def __init__(self, place: Place, model: str | None, sharding: Sharding, report: Callable[[str], None]) -> None:
        joined = join(place, model, sharding, report=report)
        self.loaded = joined.loaded
        if isinstance(joined.channel, Follower):
            try:
                follow(joined.loaded.model, joined.channel)
            except ShardingError as error:
                report(f"rank {place.rank}: {error}")
                raise SystemExit(EXIT) from error
            raise SystemExit(0)
        self.channel = joined.channel

    def rows(self) -> LeadingRows:
        """What a batch engine needs to run on all ranks."""
        return LeadingRows(self.loaded.model, self.channel)

    def generate(
        self, prompt: list[int], grammar: CompiledGrammar, *, max_tokens: int, **sampling: Unpack[Sampling]
    ) -> Generation:
        """One sequence, as `constrained.runtime.generate` makes it, complete within `max_tokens`."""
        engine = BatchEngine(*self.loaded, rows=self.rows())
        engine.add(
            SequenceRequest(
                prompt=prompt,
                constraint=Budgeted(grammar.matcher(), max_tokens),
                max_tokens=max_tokens,
                sampler=Sampler(**sampling),
            )
        )
        tokens: list[GeneratedToken] = []
        while not engine.idle:
            for event in engine.step():
                if isinstance(event, SequenceFailed):
                    raise event.error
                if isinstance(event, TokenEvent):
                    tokens.append(event.token)
        engine.close()
        return Generation(tuple(tokens), grammar.vocabulary)

    def close(self) -> None:
        """Let the other ranks end well."""
        self.channel.close()

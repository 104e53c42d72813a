"""Stop strings: an answer ends before one of them, where it may.

    stop "END"    "go on E"  ->  `go on ` is said, `E` is held back: it may be the beginning of a stop string
                  "ND of"    ->  stopped; the tokens that make up the string, and what comes behind it, are not said

With a grammar a stop string counts only where the text before it is complete. In a string of JSON it is just text:
a value is never cut.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from constrained.runtime.constraint import Constraint
from constrained.runtime.generated import GeneratedToken


class Stops:
    """Looks for stop strings in tokens that pass through."""

    def __init__(self, texts: Sequence[str], constraint: Constraint | None) -> None:
        if "" in texts:
            raise ValueError("a stop string must not be empty")
        self._texts = [text.encode() for text in texts]
        self._constraint = constraint
        self._begun = 0 if constraint is None else len(constraint.tokens)
        self._held: deque[GeneratedToken] = deque()
        self._text = b""  # of the tokens held back
        self._before = 0  # bytes said
        self._said = 0  # tokens
        self._refused: set[tuple[int, bytes]] = set()  # where stop strings begin that do not count
        self.found: str | None = None

    def feed(self, token: GeneratedToken) -> list[GeneratedToken]:
        """The tokens that may be said now. After `found` is set there are no more."""
        if not self._texts:
            return [token]
        self._held.append(token)
        self._text += token.text
        for at, text in self._places():
            if self._may_end(at):
                self.found = text.decode()
                return self._cut(at)
            self._refused.add((self._before + at, text))
        return self._release(0 if token.finish_reason else max(_overlap(self._text, text) for text in self._texts))

    def _release(self, keep: int) -> list[GeneratedToken]:
        """The tokens that end before the last `keep` bytes."""
        said: list[GeneratedToken] = []
        while self._held and len(self._text) - len(self._held[0].text) >= keep:
            token = self._held.popleft()
            self._text = self._text[len(token.text) :]
            self._before += len(token.text)
            said.append(token)
        self._said += len(said)
        return said

    def _places(self) -> list[tuple[int, bytes]]:
        """Where stop strings begin that were not looked at; those that end first first."""
        found: list[tuple[int, int, bytes]] = []
        for text in self._texts:
            at = self._text.find(text)
            while at >= 0:
                if (self._before + at, text) not in self._refused:
                    found.append((at + len(text), at, text))
                at = self._text.find(text, at + 1)
        return [(at, text) for _, at, text in sorted(found)]

    def _may_end(self, at: int) -> bool:
        if self._constraint is None:
            return True
        kept, left = 0, at
        for token in self._held:
            if len(token.text) > left:
                break
            kept, left = kept + 1, left - len(token.text)
        return self._constraint.may_end(self._begun + self._said + kept, self._text[at - left : at])

    def _cut(self, at: int) -> list[GeneratedToken]:
        """The held tokens up to byte `at`; the last of them says that it is over."""
        said: list[GeneratedToken] = []
        for token in self._held:
            said.append(replace(token, text=token.text[:at]))
            at -= len(said[-1].text)
            if at <= 0:
                break
        return [*said[:-1], replace(said[-1], finish_reason="stop")]


def _overlap(text: bytes, stop: bytes) -> int:
    """The length of the longest end of `text` that may become `stop`."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:size])), 0)

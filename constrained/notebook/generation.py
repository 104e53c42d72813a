"""A generation as coloured text; with observations, what the model wanted at each token.

    {"city": "Par is", ...        a token's ground and underline say its origin
              ^ hover, tab or tap: allowed tokens, mass removed, alternatives before and after the mask

The card of a token lies in a frame below the text, so it is never cut off and covers nothing. The same
rows are in a table at the end, for paper and for readers of the page's source.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Protocol

from constrained.notebook import labels
from constrained.notebook.style import WORDS, page
from constrained.observation import Alternative, Observation, Origin
from constrained.vocabulary.vocabulary import Vocabulary

CARDS = 400  # tokens that get a card
BAR = 90  # pixels of a probability of 1


class Token(Protocol):
    """What is shown of a token (see `constrained.runtime.GeneratedToken`)."""

    @property
    def id(self) -> int:
        """Its number in the vocabulary."""
        ...

    @property
    def text(self) -> bytes:
        """The bytes it adds."""
        ...

    @property
    def origin(self) -> Origin:
        """Where it came from."""
        ...

    @property
    def removed(self) -> float:
        """The fraction of the vocabulary that the mask removed."""
        ...

    @property
    def logprob(self) -> float | None:
        """Its log-probability among the allowed tokens, if it is known."""
        ...

    @property
    def observation(self) -> Observation | None:
        """What the model wanted, if somebody looked."""
        ...


@dataclass(frozen=True, slots=True)
class TokenView:
    """Tokens as coloured text; a notebook shows it by itself."""

    tokens: tuple[Token, ...]
    vocabulary: Vocabulary | None

    def _repr_html_(self) -> str:
        return page(self.body())

    def body(self) -> str:
        """The HTML without its style sheet."""
        observed = any(token.observation for token in self.tokens)
        first = self._first_card() if observed else -1
        spans: list[str] = []
        for step, token in enumerate(self.tokens):
            card = self._card(step, token) if observed and step < CARDS else ""
            spans.append(self._span(token, card, first=step == first))
        text = f'<div class="text">{"".join(spans)}</div>'
        if not observed:
            return _legend(self.tokens) + text
        hint = '<div class="dim">hover over a token, or go through them with Tab</div>'
        return _legend(self.tokens) + hint + f'<div class="watched">{text}</div>' + self._table()

    def _first_card(self) -> int:
        """The token whose card shows until another is asked for: the first whose choice was changed."""
        changed = (step for step, token in enumerate(self.tokens[:CARDS]) if token.origin is Origin.CHANGED)
        return next(changed, 0)

    def _name(self, token: int, text: bytes = b"") -> str:
        if self.vocabulary is None:
            return labels.of_bytes(text) or f"<{token}>"
        return labels.of_token(self.vocabulary, token)

    def _span(self, token: Token, card: str, *, first: bool) -> str:
        shown = escape(token.text.decode("utf-8", "backslashreplace").replace("\n", "⏎\n"))
        if not token.text:
            shown = f'<span class="name">{escape(self._name(token.id))}</span>'
        focus = ' tabindex="0"' if card else f' title="{WORDS[token.origin]}"'
        return f'<span class="tok {token.origin}{" first" * first}"{focus}>{shown}{card}</span>'

    def _card(self, step: int, token: Token) -> str:
        name = f"<code>{escape(self._name(token.id, token.text))}</code>"
        facts = [f"<span>token {step + 1}: {name} <b>{WORDS[token.origin]}</b></span>", self._allowed(token)]
        seen = token.observation
        if seen is None:
            return f'<span class="card"><span class="facts">{"".join(facts)}</span>the model was not asked</span>'
        facts.append(f"<span>probability removed <b>{1 - seen.kept:.1%}</b></span>")
        if seen.wanted != token.id:
            facts.append(f"<span>it wanted <code>{escape(self._name(seen.wanted))}</code></span>")
        rows = "".join(self._row(one, token.id) for one in seen.alternatives)
        head = "<tr><th>token</th><th>before the mask</th><th>after</th></tr>"
        table = f'<table class="plain">{head}{rows}</table>'
        return f'<span class="card"><span class="facts">{"".join(facts)}</span>{table}</span>'

    def _allowed(self, token: Token) -> str:
        if self.vocabulary is None:
            return f"<span>vocabulary removed <b>{token.removed:.1%}</b></span>"
        return f"<span>allowed <b>{_allowed(token, self.vocabulary):,}</b> of {self.vocabulary.size:,}</span>"

    def _row(self, one: Alternative, taken: int) -> str:
        name = f"<code>{escape(self._name(one.token))}</code>"
        mark = " ←" if one.token == taken else ""
        out = ' class="out"' if one.after == 0 else ""
        after = _bar(one.after, " after") if one.after else "forbidden"
        return f"<tr><td><span{out}>{name}</span>{mark}</td><td>{_bar(one.before)}</td><td>{after}</td></tr>"

    def _table(self) -> str:
        head = "".join(
            f"<th>{name}</th>" for name in ("", "token", "origin", "allowed", "removed", "wanted", "probability")
        )
        rows = "".join(f"<tr>{self._cells(step, token)}</tr>" for step, token in enumerate(self.tokens))
        return (
            f'<details><summary>all {len(self.tokens)} tokens as a table</summary><div class="scroll">'
            f'<table class="plain"><tr>{head}</tr>{rows}</table></div></details>'
        )

    def _cells(self, step: int, token: Token) -> str:
        seen = token.observation
        allowed = f"{token.removed:.1%} less" if self.vocabulary is None else f"{_allowed(token, self.vocabulary):,}"
        wanted = "" if seen is None or seen.wanted == token.id else f"<code>{escape(self._name(seen.wanted))}</code>"
        own = "" if token.logprob is None else f"{2.718281828459045**token.logprob:.1%}"
        cells = [
            ("number", f"{step + 1}"),
            ("", f"<code>{escape(self._name(token.id, token.text))}</code>"),
            ("", str(token.origin)),
            ("number", allowed),
            ("number", "" if seen is None else f"{1 - seen.kept:.1%}"),
            ("", wanted),
            ("number", own),
        ]
        return "".join(f'<td class="{kind}">{cell}</td>' for kind, cell in cells)


def tokens(generated: Iterable[Token], vocabulary: Vocabulary | None = None) -> TokenView:
    """Show generated tokens, as text coloured by origin: a finished generation's, or those of a stream so far.

    With the vocabulary control tokens have their names, and alternatives their texts.
    """
    own: Vocabulary | None = getattr(generated, "vocabulary", None)
    found: Iterable[Token] = getattr(generated, "tokens", generated)
    return TokenView(tuple(found), vocabulary or own)


def _legend(shown: Sequence[Token]) -> str:
    counts = Counter(token.origin for token in shown)
    parts = [
        f'<span><span class="tok {origin}"><b>{counts[origin]}</b></span> {WORDS[origin]}</span>'
        for origin in Origin
        if counts[origin]
    ]
    return f'<div class="facts"><span><b>{len(shown)}</b> tokens</span>{"".join(parts)}</div>'


def _allowed(token: Token, vocabulary: Vocabulary) -> int:
    return round((1 - token.removed) * vocabulary.size)


def _bar(share: float, kind: str = "") -> str:
    return f'<span class="bar{kind}" style="width:{max(1, round(share * BAR))}px"></span>{share:.1%}'

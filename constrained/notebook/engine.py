"""A grammar and a matcher, as one looks at them: what may be said, where we are, what may come next."""

from collections.abc import Sequence
from html import escape

import numpy as np

from constrained.errors import ConstrainedError
from constrained.matcher import CompiledGrammar, Matcher
from constrained.notebook import labels
from constrained.notebook.drawing import draw
from constrained.notebook.report import ReportView
from constrained.notebook.style import page
from constrained.vocabulary.vocabulary import Vocabulary

SHOWN = 40  # allowed tokens that are listed
KEPT = 160  # characters of a text that are shown


def grammar_html(grammar: CompiledGrammar) -> str:
    """A grammar: its shortest text, its picture, its report."""
    matcher = grammar.matcher()
    facts = [
        f"<span>vocabulary <b>{grammar.vocabulary.size:,}</b> tokens</span>",
        _allowed(matcher, "first token"),
        f"<span>shortest text <code>{_text(matcher.shortest_completion())}</code></span>",
    ]
    parts = [f'<div class="facts">{"".join(facts)}</div>', _picture(grammar)]
    if all(hasattr(finding, "verdict") for finding in grammar.report) and grammar.report:
        parts.append(
            f"<details><summary>{len(grammar.report)} keywords</summary>"
            f"{ReportView(tuple(grammar.report)).body()}</details>"
        )
    return page("".join(parts))


def matcher_html(matcher: Matcher) -> str:
    """A matcher: the tokens so far, what may come next, the place in the picture."""
    vocabulary = matcher.grammar.vocabulary
    chips = "".join(map(_chip, [vocabulary] * len(matcher.tokens), matcher.tokens))
    facts = [_allowed(matcher, "next token")]
    if matcher.is_finished:
        facts = ["<span><b>finished</b></span>"]
    elif matcher.is_accepting:
        facts.append("<span>may end here</span>")
    if forced := matcher.forced_bytes():
        facts.append(f"<span>forced <code>{_text(forced)}</code></span>")
    if not matcher.is_finished:
        facts.append(
            f"<span>shortest way to finish <code>{_text(matcher.shortest_completion()) or '(end)'}</code></span>"
        )
    parts = [
        f"<div>{chips or '<span class=dim>nothing yet</span>'}</div>",
        f'<div class="facts">{"".join(facts)}</div>',
        _choices(vocabulary, allowed_tokens(matcher)),
        _picture(matcher),
    ]
    return page("".join(parts))


def allowed_tokens(matcher: Matcher) -> list[int]:
    """The ids that the mask allows, ascending."""
    bits = np.unpackbits(matcher.bitmask().view(np.uint8), bitorder="little")  # (32 W,)
    return np.flatnonzero(bits).tolist()


def _allowed(matcher: Matcher, what: str) -> str:
    count, size = len(allowed_tokens(matcher)), matcher.grammar.vocabulary.size
    return f"<span>{what}: <b>{count:,}</b> of {size:,} allowed</span>"


def _choices(vocabulary: Vocabulary, tokens: Sequence[int]) -> str:
    """Allowed tokens, those that are no text first, then the shortest."""
    order = sorted(tokens, key=lambda token: (len(vocabulary.spellings[token] or b""), token))
    chips = "".join(map(_chip, [vocabulary] * SHOWN, order[:SHOWN]))
    more = f' <span class="dim">and {len(order) - SHOWN:,} more</span>' if len(order) > SHOWN else ""
    return f"<div>{chips}{more}</div>"


def _chip(vocabulary: Vocabulary, token: int) -> str:
    kind = " control" if vocabulary.spellings[token] is None else ""
    name = escape(labels.of_token(vocabulary, token))
    return f'<code class="chip{kind}" title="token {token}">{name}</code>'


def _text(text: bytes) -> str:
    shown = text.decode("utf-8", "backslashreplace")
    return escape(shown if len(shown) <= KEPT else shown[: KEPT - 1] + "…")


def _picture(subject: CompiledGrammar | Matcher) -> str:
    try:
        return f'<div class="scroll">{draw(subject).svg}</div>'
    except ConstrainedError as error:  # a limit, met while looking ahead: there is still all the rest to see
        return f'<div class="dim">no picture: {escape(str(error))}</div>'

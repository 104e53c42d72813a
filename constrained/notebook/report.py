"""A schema's report as a tree: each place, its keywords, and what became of them.

properties
`-- when        format    enforced    RFC 3339, section 5.6
                title     annotation
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from typing import Protocol
from urllib.parse import unquote

from constrained.errors import GrammarError
from constrained.notebook.style import page


class Finding(Protocol):
    """What became of one keyword (see `grammars.json_schema.report.Finding`)."""

    @property
    def where(self) -> str:
        """JSON pointer of the schema it stands in."""
        ...

    @property
    def keyword(self) -> str:
        """The keyword; "" for a schema that is true or false."""
        ...

    @property
    def verdict(self) -> str:
        """One word."""
        ...

    @property
    def note(self) -> str:
        """How, or why; may be empty."""
        ...


@dataclass(slots=True)
class _Branch:
    """One step of a pointer: what is said there, and what lies below."""

    below: "dict[str, _Branch]" = field(default_factory=dict[str, "_Branch"])
    findings: list[Finding] = field(default_factory=list[Finding])


@dataclass(frozen=True, slots=True)
class ReportView:
    """Findings as a tree; a notebook shows it by itself."""

    findings: tuple[Finding, ...]

    def _repr_html_(self) -> str:
        return page(self.body())

    def body(self) -> str:
        """The HTML without its style sheet."""
        root = _Branch()
        for finding in self.findings:
            branch = root
            for step in _steps(finding.where):
                branch = branch.below.setdefault(step, _Branch())
            branch.findings.append(finding)
        return f'<ul class="tree">{_children(root)}</ul>'


def report(findings: Iterable[Finding]) -> ReportView:
    """Show a grammar's report (`grammar.report`) as a tree."""
    return ReportView(tuple(findings))


def _steps(where: str) -> list[str]:
    document, _, pointer = where.partition("#")
    steps = [unquote(step).replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    return [document or "schema", *steps]


def _children(branch: _Branch) -> str:
    own = "".join(
        f"<li>{f'<code>{escape(one.keyword)}</code>' if one.keyword else ''}"
        f'<span class="verdict {one.verdict}">{one.verdict}</span><span class="dim">{escape(one.note)}</span></li>'
        for one in branch.findings
    )
    below = ""
    for step, child in branch.below.items():
        name, shown = step, child
        while not shown.findings and len(shown.below) == 1:  # properties > city: one line
            ((inner, shown),) = shown.below.items()
            name += f" / {inner}"
        title = f"<summary><code>{escape(name)}</code></summary>"
        below += f"<li><details open>{title}<ul>{_children(shown)}</ul></details></li>"
    return own + below


def error_html(error: GrammarError) -> str:
    """A refusal: kind, place, reason and hint."""
    place = f"<div>at <code>{escape(error.where)}</code></div>" if error.where else ""
    hint = f'<div class="dim">{escape(error.hint)}</div>' if error.hint else ""
    return page(
        f'<div><span class="verdict refused" style="margin-left:0">refused</span>'
        f"<b>{type(error).__name__}</b>: {escape(error.message)}</div>{place}{hint}"
    )

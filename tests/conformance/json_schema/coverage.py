"""The tables of docs/json_schema.md and docs/json_schema_cases.md, from the keyword tables and the recorded outcomes.

    python -m tests.conformance.json_schema.coverage     writes them anew

A table stands between `<!-- table: NAME -->` and `<!-- end -->`. A test compares.
"""

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import jsonschema
from jsonschema.validators import validator_for
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from grammars.json_schema.dialects import DIALECTS, Dialect, Kind
from grammars.json_schema.formats import FORMATS
from tests.conformance.json_schema import maskbench, official
from tests.conformance.json_schema.ratchet import Record
from tests.support.schema_suite import DRAFTS, VALIDATORS, Group, groups, remotes
from tests.support.shared_data import CHECKOUT

PAGES = {
    CHECKOUT / "docs" / "json_schema.md": ("outcomes", "keywords", "formats"),
    CHECKOUT / "docs" / "json_schema_cases.md": ("disagreements", "rejected"),
}
Row = tuple[str, ...]
_FORMAT = "/optional/format/"


def table(head: Row, rows: list[Row]) -> str:
    """A table in Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


@cache
def recorded() -> Record:
    """The outcomes of the official suite."""
    return Record.read(official.RECORD)


# ---------------------------------------------------------------------- docs/json_schema.md


def _total(chosen: Callable[[str], bool]) -> Counter[str]:
    found: Counter[str] = Counter()
    for file, counts in recorded().totals.items():
        if chosen(file):
            found.update(counts)
    return found


def _common(file: str) -> bool:
    return file.endswith(official.COMMON)


_DEFAULT = 'the same, `formats="assert"`, the default'


def outcomes() -> str:
    """How many cases pass, by suite and reading."""
    suites = {
        "required": _total(lambda file: "/optional/" not in file),
        'optional formats, `formats="standard"`': _total(lambda file: _FORMAT in file and not _common(file)),
        _DEFAULT: _total(_common),
        "other optional cases": _total(lambda file: "/optional/" in file and _FORMAT not in file),
        "MaskBench, public sample of 1,000 schemas": Record.read(maskbench.RECORD).counts(),
    }
    columns = ("pass", "unsupported", "wrong_accept", "wrong_reject")
    rows = [
        (name, f"{found.total():,}", *(f"{found[column]:,}" for column in columns)) for name, found in suites.items()
    ]
    place = 1 + next(index for index, row in enumerate(rows) if row[0] == _DEFAULT)
    rows.insert(place, ("of these, rejected by `jsonschema` as well", "", "", "", "", f"{_rejected_by_both()}"))
    return table(("cases", "all", "pass", "refused", "wrongly accepted", "wrongly rejected"), rows)


def _rejected_by_both() -> int:
    """Valid formats that `jsonschema` rejects, and so the default reading."""
    names = [
        f"{draft}/{case.file}{official.COMMON}/{case.group}/{case.test}"
        for case, drafts in differing().items()
        for draft in drafts
    ]
    return sum(recorded().exceptions.get(name) == "wrong_reject" for name in names)


def keywords() -> str:
    """Every keyword, the drafts that have it, and the suite's required cases of that name."""
    rows: list[Row] = []
    for keyword in sorted({name for each in DIALECTS for name in each.keywords}, key=str.casefold):
        having = [each for each in DIALECTS if each.kind(keyword) is not Kind.IGNORED and keyword in each.keywords]
        found = _total(lambda file, word=keyword: file.partition("/")[2] == _FILES.get(word, word))
        cases = f"{found['pass']} of {found.total()}" if found else ""
        rows.append((f"`{keyword}`", _drafts(having), _verdict(having[-1].kind(keyword)), cases))
    return table(("keyword", "drafts", "verdict", "required cases that pass"), rows)


# What the suite calls a file that has not the name of its keyword.
_FILES = {
    "$anchor": "anchor",
    "$ref": "ref",
    "$dynamicRef": "dynamicRef",
    "$recursiveRef": "recursiveRef",
    "$defs": "defs",
    "$vocabulary": "vocabulary",
    "if": "if-then-else",
    "contentEncoding": "content",
    "default": "default",
}


def _drafts(having: list[Dialect]) -> str:
    return "all" if len(having) == len(DIALECTS) else ", ".join(each.name.removeprefix("draft") for each in having)


def _verdict(kind: Kind) -> str:
    match kind:
        case Kind.CONSTRAINT | Kind.REFERENCE:
            return "enforced"
        case Kind.STRUCTURE:
            return "names, for references"
        case Kind.ANNOTATION | Kind.IGNORED:
            return "annotation"


def formats() -> str:
    """Every format: its standard, the suite's cases in both readings, what is left out."""
    rows: list[Row] = []
    for name in sorted(FORMATS):
        file = {"regex": "ecmascript-regex"}.get(name, name)
        cells = list[str]()
        for reading in ("", official.COMMON):
            wanted = f"optional/format/{file}{reading}"
            found = _total(lambda recorded_file, wanted=wanted: recorded_file.partition("/")[2] == wanted)
            cells.append(f"{found['pass']} of {found.total()}" if found else "")
        rows.append((f"`{name}`", FORMATS[name].source, *cells, FORMATS[name].narrower))
    return table(("format", "as in", "standard", "default", "rejected though valid"), rows)


# ---------------------------------------------------------------------- docs/json_schema_cases.md


@dataclass(frozen=True)
class Case:
    """A case that `jsonschema` and the suite see differently."""

    file: str
    group: str
    test: str
    valid: bool  # says the suite
    judged: str  # says `jsonschema`


def _said(validator: Any, instance: Any) -> str:
    try:
        return "valid" if validator.is_valid(instance) else "invalid"
    except Unresolvable:
        return "finds no document"
    except re.error:
        return "breaks"


def _validator(draft: str, group: Group) -> Any:
    known = [(uri, contents) for uri, contents in remotes().items() if "/draft" not in uri or f"/{draft}/" in uri]
    registry: Registry[Any] = Registry().with_resources(
        (uri, Resource.from_contents(contents, default_specification=DRAFT202012)) for uri, contents in known
    )
    asserted = group.file.startswith("optional/format/") or group.file == "optional/content"
    of = VALIDATORS[draft]
    return of(group.schema, registry=registry, format_checker=of.FORMAT_CHECKER if asserted else None)


@cache
def differing() -> Mapping[Case, tuple[str, ...]]:
    """Every such case, with the drafts that have it."""
    found: dict[Case, tuple[str, ...]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for draft in DRAFTS:
            for group in groups(draft):
                validator = _validator(draft, group)
                for test in group.tests:
                    said = _said(validator, test["data"])
                    if said != ("valid" if test["valid"] else "invalid"):
                        case = Case(group.file, group.description, test["description"], test["valid"], said)
                        found[case] = (*found.get(case, ()), draft)
    return found


def _ours(case: Case, drafts: tuple[str, ...]) -> str:
    """What we say: valid, invalid or refused; "standard / default" where the readings differ."""
    readings = ("", official.COMMON) if case.file.startswith("optional/format/") else ("",)
    names = [f"{drafts[-1]}/{case.file}{reading}/{case.group}/{case.test}" for reading in readings]
    return " / ".join(dict.fromkeys(_verdict_of(recorded().exceptions.get(name, "pass"), case.valid) for name in names))


def _verdict_of(outcome: str, valid: bool) -> str:
    if outcome == "unsupported":
        return "refused"
    return "valid" if (outcome == "pass") == valid else "invalid"


def disagreements() -> str:
    """The cases of the official suite of which `jsonschema` says something else."""
    rows = [
        (
            case.file,
            f"{case.group}: {case.test}",
            "valid" if case.valid else "invalid",
            case.judged,
            _ours(case, drafts),
        )
        for case, drafts in sorted(differing().items(), key=lambda item: (item[0].file, item[0].group))
    ]
    return table(("file", "case", "suite", "`jsonschema`", "here"), rows)


def rejected() -> str:
    """What does not pass, in either reading."""
    found: dict[tuple[str, str], list[str]] = {}
    for case, outcome in recorded().exceptions.items():
        draft, _, name = case.partition("/")
        found.setdefault((name, outcome), []).append(draft.removeprefix("draft"))
    said = {"unsupported": "refused", "wrong_reject": "rejected", "wrong_accept": "accepted", "crash": "crash"}
    rows = [(name, said[outcome], ", ".join(drafts)) for (name, outcome), drafts in sorted(found.items())]
    return table(("case", "outcome", "drafts"), rows)


# ---------------------------------------------------------------------- pages

TABLES: Mapping[str, Callable[[], str]] = {
    "outcomes": outcomes,
    "keywords": keywords,
    "formats": formats,
    "disagreements": disagreements,
    "rejected": rejected,
}


def filled(page: str) -> str:
    """The text of a page with its tables as they should be."""

    def anew(found: "re.Match[str]") -> str:
        return f"<!-- table: {found[1]} -->\n\n{TABLES[found[1]]()}\n\n<!-- end -->"

    return re.sub(r"<!-- table: (\w+) -->.*?<!-- end -->", anew, page, flags=re.DOTALL)


def maskbench_disagreements() -> Iterator[tuple[str, int, bool]]:
    """The labels of MaskBench that `jsonschema` contradicts: file, which instance, the label."""
    for case in maskbench.cases():
        of = validator_for(case["schema"], default=jsonschema.Draft202012Validator)
        validator = of(case["schema"], format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
        for index, test in enumerate(case["tests"]):
            if validator.is_valid(test["data"]) != test["valid"]:
                yield case["file"], index, test["valid"]


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(filled(path.read_text()))

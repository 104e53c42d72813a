"""The official JSON Schema Test Suite, as it lies beside the checkout."""

import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

import jsonschema

from tests.support.shared_data import shared

VALIDATORS = {  # of the library that judges, by our dialects' names
    "draft4": jsonschema.Draft4Validator,
    "draft6": jsonschema.Draft6Validator,
    "draft7": jsonschema.Draft7Validator,
    "draft2019-09": jsonschema.Draft201909Validator,
    "draft2020-12": jsonschema.Draft202012Validator,
}
DRAFTS = tuple(VALIDATORS)
_DECLARED = {draft: f"http://json-schema.org/draft-0{draft[-1]}/schema#" for draft in DRAFTS[:3]}
_SERVED_AT = "http://localhost:1234/"  # where the suite expects its remotes


@dataclass(frozen=True)
class Group:
    """One schema of the suite, and instances with their verdicts."""

    draft: str
    file: str  # "ref", "optional/id", "optional/format/date"
    description: str
    schema: Any
    tests: tuple[Mapping[str, Any], ...]

    def __str__(self) -> str:
        return f"{self.draft}/{self.file}/{self.description}"


@cache
def _files() -> Mapping[PurePosixPath, Any]:
    with tarfile.open(shared("data/json_schema_test_suite.tar.gz")) as archive:
        names = [member for member in archive if member.name.endswith(".json")]
        return MappingProxyType(
            {PurePosixPath(member.name): json.loads(archive.extractfile(member).read()) for member in names}
        )


def groups(draft: str) -> Iterator[Group]:
    """All groups of one draft, optional ones included. Schemas declare their draft."""
    for path, contents in _files().items():
        if path.parts[:2] == ("tests", draft):
            file = str(PurePosixPath(*path.parts[2:]).with_suffix(""))
            for group in contents:
                schema = group["schema"]
                if draft in _DECLARED and isinstance(schema, dict):
                    schema = {"$schema": _DECLARED[draft], **schema}
                yield Group(draft, file, group["description"], schema, tuple(group["tests"]))


def remotes() -> Mapping[str, Any]:
    """The suite's remote documents, by the URI that its references use."""
    found = {path: contents for path, contents in _files().items() if path.parts[0] == "remotes"}
    return MappingProxyType({_SERVED_AT + str(PurePosixPath(*path.parts[1:])): found[path] for path in found})


def with_remotes(group: Group) -> dict[str, Any]:
    """The group's schema with the suite's remote documents embedded, so that nothing is remote."""
    legacy = group.draft in _DECLARED
    identifier = "id" if group.draft == "draft4" else "$id"
    embedded: dict[str, Any] = {}
    for path, contents in _files().items():
        if path.parts[0] != "remotes" or not isinstance(contents, dict):
            continue
        elsewhere = path.parts[1] in (*DRAFTS, "draft3", "v1") and path.parts[1] != group.draft
        custom_metaschema = str(contents.get("$schema", "")).startswith(_SERVED_AT)
        if not (elsewhere or custom_metaschema or (legacy and "$ref" in contents)):
            uri = _SERVED_AT + str(PurePosixPath(*path.parts[1:]))
            embedded[uri] = {identifier: uri, **contents}
    holder = "definitions" if legacy else "$defs"
    return {**group.schema, holder: {**group.schema.get(holder, {}), **embedded}}

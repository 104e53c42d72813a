"""A schema has one grammar: in every process, whatever its hashes are. The ranks of a sharded run rely on it."""

import os
import subprocess
import sys
import zlib
from random import Random

from constrained.errors import GrammarError
from grammars.json_schema.compiler import write
from grammars.json_schema.documents import Document
from grammars.json_schema.limits import CompileLimits
from grammars.json_schema.options import JsonSchemaOptions
from tests.fuzz.schemas import document
from tests.support.shared_data import CHECKOUT
from tests.support.skeleton import skeleton

SCHEMAS = 100  # random ones
SYMBOLS = 100  # of each grammar
OPTIONS = (JsonSchemaOptions(), JsonSchemaOptions(key_order="any", additional_properties="schema"))


def fingerprints() -> list[int]:
    """Of the grammars of many schemas: of what they say, not of their sources."""
    found: list[int] = []
    for seed in range(SCHEMAS):
        parsed = Document.parse(document(Random(seed)))
        for options in OPTIONS:
            try:
                writer = write(parsed, options, CompileLimits(seconds=60))
                lines = skeleton(writer.node(writer.shapes.root()), SYMBOLS)
            except GrammarError as error:
                lines = [repr(error)]
            found.append(zlib.crc32("\n".join(lines).encode()))
    return found


_PRINT = f"from {__name__} import fingerprints; print(*fingerprints())"


def test_grammars_do_not_depend_on_hashes() -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _PRINT],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(CHECKOUT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    found = [process.communicate()[0].split() for process in processes]
    assert len(found[0]) == SCHEMAS * len(OPTIONS)
    assert found[1] == found[0]


def test_grammars_do_not_depend_on_what_was_compiled_before() -> None:
    before = fingerprints()
    assert fingerprints() == before

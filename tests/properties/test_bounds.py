"""What bounds.py tells from above, against what expanding makes, on random schemas."""

from random import Random
from typing import Any

import pytest

from constrained.errors import GrammarError
from grammars.json_schema.bounds import Bounds
from grammars.json_schema.compiler import write
from grammars.json_schema.documents import Document
from grammars.json_schema.exploring import Explorer
from grammars.json_schema.limits import CompileLimits
from grammars.json_schema.literals import Says, Shape
from grammars.json_schema.nodes import Writer
from grammars.json_schema.options import JsonSchemaOptions
from grammars.json_schema.sketches import Unclear, width
from tests.fuzz.schemas import about, document

SHAPES = 300  # that are looked at, of one schema


def compiled(schema: Any) -> Writer:
    return write(Document.parse(schema), JsonSchemaOptions(additional_properties="schema"), CompileLimits(seconds=60))


def below(writer: Writer, shape: Shape) -> list[Shape]:
    """The shapes that a matcher may come to in a value of a shape. Raises LimitExceeded as exploring does."""
    return [child for plan in writer.structured(shape) for child in plan.children()]


def told(bounds: Bounds, shape: Shape) -> int | None:
    try:
        says = [literal for literal in shape.literals if isinstance(literal, Says)]
        return width(bounds.sketches.of(says))
    except Unclear:
        return None


def check(schema: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    """Expand what is said to be bounded; how many shapes of it were looked at."""
    made: list[Explorer] = []

    def remember(explorer: Explorer, writer: Writer) -> None:
        real(explorer, writer)
        made.append(explorer)

    real = Explorer.__init__
    with monkeypatch.context() as patch:
        patch.setattr(Explorer, "__init__", remember)
        try:
            writer = compiled(schema)
        except GrammarError:
            return 0
    root = writer.shapes.root()
    if not made or not made[0].bounds.hold(root):
        return 0
    near, bounds = made[0].near, made[0].bounds
    seen, todo = {root}, [root]
    while todo and len(seen) < SHAPES:
        here = todo.pop()
        if all(isinstance(one, Says) and one.positive and one.location not in near for one in here.literals):
            continue  # left to the matcher, as nothing in it is put together
        assert bounds.hold(here), "what is in a value of a bounded shape is bounded"
        most = told(bounds, here)
        if most is not None:
            assert len(writer.shapes.alternatives(writer.arrays, here)) <= max(most, 1)
            assert len(writer.shapes.alternatives(writer.objects, here)) <= max(most, 1)
        writer.scalars(here)  # and no automaton is too large
        for shape in below(writer, here):
            if shape not in seen:
                seen.add(shape)
                todo.append(shape)
    return len(seen)


@pytest.mark.interpreted
@pytest.mark.parametrize("chunk", range(4))
def test_what_is_bounded_is_never_refused_and_makes_no_more_than_was_told(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    randoms = [Random(seed) for seed in range(chunk * 100, chunk * 100 + 100)]
    schemas = [schema for random in randoms for schema in (document(random), about(random, "objects")[1])]
    assert sum(check(schema, monkeypatch) for schema in schemas) > 20

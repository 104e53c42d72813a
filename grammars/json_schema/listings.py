"""What a least fixpoint over shapes finds beside what they have: their values, as far as they are needed."""

from typing import NamedTuple

from grammars.json_schema.literals import Shape


class Listing(NamedTuple):
    """A thing of the fixpoint: the values of a shape, up to `enough` of them. What is found is minus their number."""

    shape: Shape
    enough: int


def frames_of(thing: Shape | Listing) -> int:
    """How much a look at a thing takes of the stack: that for values looks for texts."""
    return 8 if isinstance(thing, Listing) else 1

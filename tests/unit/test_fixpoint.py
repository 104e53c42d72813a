"""Least fixpoints against what the definition says: begin with nothing, and repeat until nothing changes."""

from collections.abc import Callable, Mapping
from random import Random

import pytest

from grammars.json_schema.fixpoint import Fixpoint

# Of each thing, its ways: a cost of its own, and the things it is made of.
System = Mapping[int, list[tuple[int, list[int]]]]


def cheapest(system: System, cost: Callable[[int], int | None], key: int) -> int | None:
    ways = [(own, [cost(part) for part in parts]) for own, parts in system[key]]
    return min((own + sum(c or 0 for c in parts) for own, parts in ways if None not in parts), default=None)


def by_definition(system: System) -> dict[int, int | None]:
    costs: dict[int, int | None] = dict.fromkeys(system)
    while (after := {key: cheapest(system, costs.__getitem__, key) for key in system}) != costs:
        costs = after
    return costs


def random_system(random: Random) -> System:
    size = random.choice((2, 5, 12, 60))  # some are deeper than what is asked for depth first

    def way() -> tuple[int, list[int]]:
        least = 0 if random.random() < 0.15 else 1
        return random.randrange(1, 9), random.choices(range(size), k=random.randrange(least, 3))

    return {key: [way() for _ in range(random.randrange(4))] for key in range(size)}


@pytest.mark.parametrize("seed", range(60))
def test_every_value_is_that_of_the_definition(seed: int) -> None:
    random = Random(seed)
    system = random_system(random)
    found = Fixpoint[int, int](lambda key: cheapest(system, found.of, key), int)
    for key in random.sample(list(system), len(system)):
        assert found.of(key) == by_definition(system)[key]
        assert not found.is_open


def test_a_long_chain_is_no_deep_recursion() -> None:
    found = Fixpoint[int, int](lambda key: 1 if key == 100_000 else _one_more(found.of(key + 1)), int)
    assert found.of(0) == 100_001


def test_what_fails_while_it_is_looked_for_leaves_nothing_behind() -> None:
    fails = [True]

    def look(key: int) -> int | None:
        if key == 3 and fails.pop():
            raise ArithmeticError
        return 1 if key == 3 else _one_more(found.of(key + 1))

    found = Fixpoint[int, int](look, int)
    with pytest.raises(ArithmeticError):
        found.of(0)
    fails.append(False)
    assert found.of(0) == 4


def _one_more(cost: int | None) -> int | None:
    return None if cost is None else cost + 1

"""Sets of declared keys as bits: bit k is the key at place k. All bits set (-1): what cannot be."""

from collections.abc import Iterator, Mapping


def bits(places: int) -> Iterator[int]:
    """The places in a set, ascending."""
    while places > 0:
        lowest = places & -places
        yield lowest.bit_length() - 1
        places ^= lowest


def with_all_they_need(needs: Mapping[int, int]) -> dict[int, int]:
    """`needs`, place -> the keys that must come with it, with what those need in turn.

    Forwards and backwards by turns, so that a chain takes two rounds.
    """
    found, before = dict(needs), dict[int, int]()
    needing = sum(1 << place for place in needs)
    order = sorted(needs)
    while found != before:
        before, order = dict(found), order[::-1]
        for place in order:
            for one in bits(needs[place] & needing) if found[place] >= 0 else ():
                found[place] |= found[one]
    return found

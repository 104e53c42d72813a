"""Who reads how many tokens in which pass.

Every row has at least one token to read: the one that was chosen last, or the last of its prompt. Where
the grammar forced some to follow it has more, and may read them at once, in one of two ways:

    together   one pass, as wide as the widest row:      a b c d     16 tokens for 7
               the others are padded                     e . . .
                                                         f . . .
                                                         g . . .

    apart      a pass for the rows with many tokens,     a b c d     7 tokens, but two passes
               another for the rest                      e  f  g

A pass costs `base` (reading the weights) plus its tokens, in units of one token. A token that is read is worth what
it costs where nothing is forced: (base + rows) / rows. The arrangement with the largest gain is taken;
tokens that do not pay now are read with the next pass, at the latest one by one.
"""

from collections.abc import Iterator, Sequence

from constrained.runtime.slots import WIDEST

Pass = list[tuple[int, int]]  # (row, how many of its tokens)


def arrange(available: Sequence[int], base: float) -> list[Pass]:
    """The passes of one step for rows that have so many tokens to read (each at least 1)."""
    if max(available, default=1) == 1:
        return [[(row, 1) for row in range(len(available))]] if available else []
    worth = (base + len(available)) / len(available)

    def gain(passes: list[Pass]) -> float:
        read = sum(count for one in passes for _, count in one)
        return worth * read - cost(passes, len(available), base)

    return max(_arrangements([min(one, WIDEST) for one in available]), key=gain)


def cost(passes: Sequence[Pass], rows: int, base: float) -> float:
    """What the passes of a step cost, padding included; one of width 1 takes all rows along: gaps cost more."""
    widths = [max(count for _, count in one) for one in passes]
    return sum(base + (rows if width == 1 else width * len(one)) for one, width in zip(passes, widths, strict=True))


def _arrangements(available: Sequence[int]) -> Iterator[list[Pass]]:
    """The plain one first: ties go to it."""
    rows = range(len(available))
    for width in sorted({1, *available}):
        yield [[(row, min(width, available[row])) for row in rows]]
    longest_first = sorted(rows, key=lambda row: -available[row])
    for apart in range(1, len(rows)):
        many, rest = sorted(longest_first[:apart]), sorted(longest_first[apart:])
        if min(available[row] for row in many) > 1:
            yield [[(row, 1) for row in rest], [(row, available[row]) for row in many]]

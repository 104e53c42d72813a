"""Where the boxes of a small directed graph go on paper, left to right, and how its edges run.

    columns   0        1           2        3
              start -> {"unit": -> o -+---> celsius --+-> o
                                      +---> kelvin  --+

Idea (K. Sugiyama, S. Tagawa, M. Toda, *Methods for visual understanding of hierarchical system
structures*, 1981). Turn the edges around that close a cycle; give every box the column after its last
predecessor's; let edges that pass a column take part in it as boxes of their own (*bends*); sort each
column by where its neighbours are; then move boxes towards their neighbours, as near as the order allows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

COLUMN_GAP, ROW_GAP = 22.0, 12.0
SWEEPS = 8

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Size:
    """Of a box, in pixels."""

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Route:
    """An edge: the points it passes, from the source's side to the target's. `back`: it leads to the left."""

    source: int
    target: int
    points: tuple[Point, ...]
    back: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """Centres of the boxes, the ways of the edges, and the room they need together."""

    centres: tuple[Point, ...]
    routes: tuple[Route, ...]
    size: Size


@dataclass(slots=True, eq=False)
class _Box:
    """A box, or a bend (`index` is None)."""

    index: int | None
    size: Size
    column: int
    back: bool = False
    left: "list[_Box]" = field(default_factory=list["_Box"])  # neighbours in the columns beside
    right: "list[_Box]" = field(default_factory=list["_Box"])
    x: float = 0.0
    y: float = 0.0


def arrange(sizes: Sequence[Size], edges: Sequence[tuple[int, int]]) -> Layout:
    """Lay out boxes of the given sizes; box 0 is the start, and leads to all others."""
    back = _closing(len(sizes), edges)
    ahead = [(v, u) if is_back else (u, v) for (u, v), is_back in zip(edges, back, strict=True)]
    columns = _columns(len(sizes), ahead)
    turned = {u for (u, _), is_back in zip(edges, back, strict=True) if is_back}
    boxes = [_Box(n, size, columns[n], back=n in turned and n > 0) for n, size in enumerate(sizes)]
    chains = [_chain(boxes[u], boxes[v], is_back) for (u, v), is_back in zip(ahead, back, strict=True)]
    table: list[list[_Box]] = [[] for _ in range(max(columns) + 1)]
    for box in dict.fromkeys(box for chain in [boxes, *chains] for box in chain):
        table[box.column].append(box)
    widths = [max(box.size.width for box in column) for column in table]
    _sort(table)
    _place(table, widths)
    size = _to_origin(table)
    routes = [
        _route(u, v, chain[::-1] if is_back else chain, widths, back=is_back)
        for (u, v), chain, is_back in zip(edges, chains, back, strict=True)
    ]
    return Layout(tuple((box.x, box.y) for box in boxes), tuple(routes), size)


def _closing(count: int, edges: Sequence[tuple[int, int]]) -> list[bool]:
    """Which edges close a cycle, going depth first from box 0."""
    out: list[list[int]] = [[] for _ in range(count)]
    for number, (source, _) in enumerate(edges):
        out[source].append(number)
    back = [False] * len(edges)
    seen: set[int] = set()
    for root in range(count):
        if root in seen:
            continue
        seen.add(root)
        path, todo = {root}, [(root, iter(out[root]))]
        while todo:
            box, ways = todo[-1]
            number = next(ways, None)
            if number is None:
                path.discard(box)
                todo.pop()
                continue
            target = edges[number][1]
            back[number] = target in path
            if target not in seen:
                seen.add(target)
                path.add(target)
                todo.append((target, iter(out[target])))
    return back


def _columns(count: int, ahead: Sequence[tuple[int, int]]) -> list[int]:
    """The longest way from a box without predecessor to each box, in edges; `ahead` has no cycle."""
    out: list[list[int]] = [[] for _ in range(count)]
    missing = [0] * count
    for source, target in ahead:
        out[source].append(target)
        missing[target] += 1
    column = [0] * count
    todo = [box for box in range(count) if not missing[box]]
    for box in todo:
        for target in out[box]:
            column[target] = max(column[target], column[box] + 1)
            missing[target] -= 1
            if not missing[target]:
                todo.append(target)
    return column


def _chain(source: _Box, target: _Box, back: bool) -> list[_Box]:
    """The boxes that an edge passes, ends included; bends are made, and neighbours linked."""
    bends = [_Box(None, Size(0, 2), column, back) for column in range(source.column + 1, target.column)]
    chain = [source, *bends, target]
    for one, other in pairwise(chain):
        one.right.append(other)
        other.left.append(one)
    return chain


# ---------------------------------------------------------------- coordinates


def _sort(table: list[list[_Box]]) -> None:
    """Order each column by its neighbours' places; what leads back goes on top."""
    for column in table:
        column.sort(key=lambda box: not box.back)
    for sweep in range(SWEEPS):
        for column in table if sweep % 2 == 0 else reversed(table):
            for box in column:
                near = (box.left if sweep % 2 == 0 else box.right) or [box]
                box.y = sum(_rank(table, one) for one in near) / len(near)
            column.sort(key=lambda box: (not box.back, box.y))


def _rank(table: list[list[_Box]], box: _Box) -> float:
    column = table[box.column]
    return next(place for place, one in enumerate(column) if one is box) / len(column)


def _place(table: list[list[_Box]], widths: Sequence[float]) -> None:
    """Give every box its centre."""
    left = 0.0
    for column, width in zip(table, widths, strict=True):
        for box in column:
            box.x = left + width / 2
        left += width + COLUMN_GAP
        _spread(column, [0.0] * len(column))
    for sweep in range(2 * SWEEPS):
        for column in table if sweep % 2 == 0 else reversed(table):
            wishes: list[float] = []
            for box in column:
                near = [*box.left, *box.right]
                wishes.append(sum(one.y for one in near) / len(near) if near else box.y)
            _spread(column, wishes)


def _spread(column: Sequence[_Box], wishes: Sequence[float]) -> None:
    """Place a column's boxes, in order and apart, with the least sum of squared distances to `wishes`.

    Without the distances between neighbours, which are subtracted first, this is isotonic regression:
    pool neighbours that are out of order, at their mean.
    """
    offsets = [0.0]
    for above, below in pairwise(column):
        offsets.append(offsets[-1] + (above.size.height + below.size.height) / 2 + ROW_GAP)
    pools: list[tuple[float, int]] = []  # mean, members
    for wish, offset in zip(wishes, offsets, strict=True):
        mean, members = wish - offset, 1
        while pools and pools[-1][0] > mean:
            other, count = pools.pop()
            mean = (mean * members + other * count) / (members + count)
            members += count
        pools.append((mean, members))
    places = [mean for mean, members in pools for _ in range(members)]
    for box, place, offset in zip(column, places, offsets, strict=True):
        box.y = place + offset


def _to_origin(table: list[list[_Box]]) -> Size:
    """Move everything to the top left corner; the room it takes."""
    boxes = [box for column in table for box in column]
    left = min(box.x - box.size.width / 2 for box in boxes)
    top = min(box.y - box.size.height / 2 for box in boxes)
    for box in boxes:
        box.x -= left
        box.y -= top
    return Size(max(box.x + box.size.width / 2 for box in boxes), max(box.y + box.size.height / 2 for box in boxes))


def _route(source: int, target: int, chain: list[_Box], widths: Sequence[float], *, back: bool) -> Route:
    """Straight across the columns that are passed, those of the ends included; a short way back needs no detour."""
    first, *bends, last = chain
    side = -1 if back else 1
    points = [(first.x + side * first.size.width / 2, first.y)]
    for box in chain if bends or not back else ():
        half = side * widths[box.column] / 2
        points += [(box.x - half, box.y)] if box is not first else []
        points += [(box.x + half, box.y)] if box is not last else []
    points.append((last.x - side * last.size.width / 2, last.y))
    return Route(source, target, tuple(point for point, _ in groupby(points)), back)

"""Boxes never lie on each other, edges begin and end at them, and lead to the right unless they close a cycle."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from constrained.notebook.layout import Size, arrange

sizes = st.builds(Size, st.floats(4, 200), st.floats(4, 60))


@st.composite
def graphs(draw):
    """Box 0 leads to all others, with edges of any kind besides."""
    boxes = draw(st.lists(sizes, min_size=1, max_size=9))
    tree = [(draw(st.integers(0, box - 1)), box) for box in range(1, len(boxes))]
    number = st.integers(0, len(boxes) - 1)
    more = draw(st.lists(st.tuples(number, number).filter(lambda edge: edge[0] != edge[1]), max_size=6))
    return boxes, tree + more


@given(graphs())
def test_a_layout_is_readable(graph):
    boxes, edges = graph
    layout = arrange(boxes, edges)
    placed = list(zip(layout.centres, boxes, strict=True))
    for number, ((x, y), size) in enumerate(placed):
        assert size.width / 2 - 0.01 <= x <= layout.size.width - size.width / 2 + 0.01
        assert size.height / 2 - 0.01 <= y <= layout.size.height - size.height / 2 + 0.01
        for (other_x, other_y), other in placed[:number]:
            beside = abs(x - other_x) >= (size.width + other.width) / 2
            assert beside or abs(y - other_y) >= (size.height + other.height) / 2
    for (source, target), route in zip(edges, layout.routes, strict=True):
        assert (route.source, route.target) == (source, target)
        side = -1 if route.back else 1
        ends = [(placed[source], side, route.points[0]), (placed[target], -side, route.points[-1])]
        for ((x, y), size), toward, point in ends:
            assert abs(point[0] - (x + toward * size.width / 2)) < 0.01
            assert abs(point[1] - y) < 0.01
        assert all((after[0] - before[0]) * side > 0 for before, after in pairwise(route.points))


def test_only_edges_that_close_a_cycle_lead_back():
    layout = arrange([Size(10, 10)] * 3, [(0, 1), (1, 2), (2, 0), (0, 2)])
    assert [route.back for route in layout.routes] == [False, False, True, False]

"""Which layers a rank gets."""

import pytest

from constrained.runtime.sharding.pipeline import layer_range


@pytest.mark.parametrize(("layers", "size"), [(30, 1), (30, 2), (30, 4), (7, 3), (3, 3), (61, 100 // 7)])
def test_every_layer_is_on_one_rank_and_the_last_are_on_rank_0(layers, size):
    ranges = [layer_range(layers, rank, size) for rank in range(size)]
    assert [layer for one in reversed(ranges) for layer in one] == list(range(layers))
    lengths = [len(one) for one in ranges]
    assert max(lengths) - min(lengths) <= 1
    assert lengths == sorted(lengths)  # rank 0, which has the head, gets no extra layer before the others do

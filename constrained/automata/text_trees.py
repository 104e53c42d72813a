"""The tree of some texts, as a table: texts that begin alike share rows.

    "ab" "ac"      START -a-> 2,  2 -b-> 3,  2 -c-> 4

Texts lie behind one another: text k is `text[begins[k] : begins[k + 1]]`. They are sorted and no two are alike, so the
rows that one shares are those of the text before it.
"""

import numpy as np
from numpy.typing import NDArray

from constrained.automata.jit import kernel, kernel_part
from constrained.automata.tables import Table

# Shapes: K texts, S rows, C byte classes.


@kernel_part
def _shared(text: NDArray[np.uint8], begins: NDArray[np.int64], at: int) -> int:
    """How many bytes text `at` begins with that the text before it begins with, too."""
    if at == 0:
        return 0
    most = min(begins[at] - begins[at - 1], begins[at + 1] - begins[at])
    for place in range(most):
        if text[begins[at - 1] + place] != text[begins[at] + place]:
            return place
    return most


@kernel
def rows_of_tree(text: NDArray[np.uint8], begins: NDArray[np.int64]) -> int:
    """The rows that `fill_tree` needs."""
    rows = 2
    for at in range(begins.shape[0] - 1):
        rows += begins[at + 1] - begins[at] - _shared(text, begins, at)
    return rows


@kernel
def fill_tree(
    text: NDArray[np.uint8], begins: NDArray[np.int64], classes: NDArray[np.uint8], step: Table
) -> NDArray[np.int32]:
    """Draw the tree of some texts, sorted and different, into `step`, which is empty; (K,) the row of each text."""
    longest = 0
    for at in range(begins.shape[0] - 1):
        longest = max(longest, begins[at + 1] - begins[at])
    path = np.ones(longest + 1, np.int32)  # the row at each depth of the text before
    last = np.empty(begins.shape[0] - 1, np.int32)
    rows = 2
    for at in range(begins.shape[0] - 1):
        size = begins[at + 1] - begins[at]
        for depth in range(_shared(text, begins, at), size):
            step[path[depth], classes[text[begins[at] + depth]]] = rows
            path[depth + 1] = rows
            rows += 1
        last[at] = path[size]
    return last

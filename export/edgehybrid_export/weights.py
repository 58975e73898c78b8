"""Weight matrices that are read from the checkpoint when rows of them are asked for.

So a model of any size is exported in the memory of its largest matrix. What families do to their
weights, such as multiplying, cutting and joining, is done to the rows as they come.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

#: Numbers that are in memory at a time where a matrix is worked through: 16 MB.
BLOCK = 1 << 22


@dataclass(frozen=True, eq=False)
class Weight:
    """A float32 matrix (outputs, inputs), as `torch.nn.Linear` stores it: y = x @ weight.T.

    Attributes:
        shape: (outputs, inputs).
        rows: gives the rows begin..end-1, a new array (end - begin, inputs).
        key: equal keys mean equal content: what is used twice is stored once.
    """

    shape: tuple[int, int]
    rows: Callable[[int, int], Array]
    key: Hashable

    @property
    def outputs(self) -> int:
        return self.shape[0]

    @property
    def inputs(self) -> int:
        return self.shape[1]

    @property
    def size(self) -> int:
        """How many numbers."""
        return math.prod(self.shape)

    def array(self) -> Array:
        """The whole matrix (outputs, inputs)."""
        return self.rows(0, self.outputs)

    def blocks(self) -> Iterator[tuple[slice, Array]]:
        """All rows in order, at most BLOCK numbers at a time, each with where they belong."""
        step = max(1, BLOCK // max(1, self.inputs))
        for begin in range(0, self.outputs, step):
            end = min(begin + step, self.outputs)
            yield slice(begin, end), self.rows(begin, end)


def times(weight: Weight, factor: Array | np.float32 | float) -> Weight:
    """`weight` with its outputs multiplied by a number, or by one for each of them."""
    factors = np.asarray(factor, np.float32)
    if np.all(factors == 1):
        return weight

    def rows(begin: int, end: int) -> Array:
        part = factors if factors.ndim == 0 else factors[begin:end, None]
        return weight.rows(begin, end) * part

    return Weight(weight.shape, rows, ("times", weight.key, factors.tobytes()))


def side_by_side(*parts: Weight) -> Weight:
    """One matrix that gives the outputs of `parts`, in their order."""
    edges = np.cumsum([0, *(part.outputs for part in parts)])

    def rows(begin: int, end: int) -> Array:
        found = [
            part.rows(max(begin - edge, 0), min(end - edge, part.outputs))
            for part, edge in zip(parts, map(int, edges), strict=False)
            if edge < end and begin < edge + part.outputs
        ]
        return found[0] if len(found) == 1 else np.concatenate(found)

    shape = (int(edges[-1]), parts[0].inputs)
    return Weight(shape, rows, ("side_by_side", *(part.key for part in parts)))


def pick(weight: Weight, order: NDArray[np.int64]) -> Weight:
    """The outputs of `weight` that `order` (n,) names, in that order."""

    def rows(begin: int, end: int) -> Array:
        wanted = order[begin:end]
        jumps = np.flatnonzero(np.diff(wanted) != 1) + 1
        runs = np.split(wanted, jumps)
        return np.concatenate([weight.rows(int(run[0]), int(run[-1]) + 1) for run in runs])

    shape = (len(order), weight.inputs)
    return Weight(shape, rows, ("pick", weight.key, order.tobytes()))


def block_diagonal(*parts: Weight) -> Weight:
    """The outputs of `parts` in their order, each of inputs of its own, side by side too."""
    rows_at = np.cumsum([0, *(part.outputs for part in parts)])
    columns_at = np.cumsum([0, *(part.inputs for part in parts)])

    def rows(begin: int, end: int) -> Array:
        found = np.zeros((end - begin, int(columns_at[-1])), np.float32)
        for part, row, column in zip(parts, map(int, rows_at), map(int, columns_at), strict=False):
            first, last = max(begin, row), min(end, row + part.outputs)
            if first < last:
                place = slice(first - begin, last - begin), slice(column, column + part.inputs)
                found[place] = part.rows(first - row, last - row)
        return found

    shape = int(rows_at[-1]), int(columns_at[-1])
    return Weight(shape, rows, ("block_diagonal", *(part.key for part in parts)))

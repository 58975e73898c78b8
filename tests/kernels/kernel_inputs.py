"""Arrays to call kernels with: random, read-only, or column slices of a wider matrix."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

Floats = npt.NDArray[np.float32]

seeds = st.integers(0, 2**32 - 1)


def normal(rng: np.random.Generator, *shape: int) -> Floats:
    return rng.standard_normal(shape).astype(np.float32)


def read_only(array: Floats) -> Floats:
    array.flags.writeable = False
    return array


def column_slices(*arrays: Floats) -> list[Floats]:
    """The same numbers as read-only columns of one matrix, as a projection would lay them out."""
    edge = np.full((len(arrays[0]), 1), np.nan, np.float32)
    wide = read_only(np.concatenate([edge, *arrays, edge], axis=1))
    ends = np.cumsum([1, *(array.shape[1] for array in arrays)])
    return [wide[:, first:last] for first, last in pairwise(ends)]


@st.composite
def cuts(draw: st.DrawFn, tokens: int) -> list[slice]:
    """A sequence of so many tokens in consecutive pieces, some of them empty."""
    inner = draw(st.lists(st.integers(0, tokens), max_size=4))
    bounds = [0, *sorted(inner), tokens]
    return [slice(first, last) for first, last in pairwise(bounds)]

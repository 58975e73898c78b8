from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_inputs import normal, seeds

from edgehybrid_kernels import products

sizes = st.tuples(st.integers(1, 3), *(st.integers(1, 40) for _ in range(3)))


@given(seed=seeds, size=sizes, tile=st.sampled_from([1, 7, 100, 1 << 18]))
@settings(max_examples=60, deadline=None)
def test_tiles_make_the_whole(seed: int, size: tuple[int, int, int, int], tile: int) -> None:
    heads, rows, inner, columns = size
    rng = np.random.default_rng(seed)
    left, right = normal(rng, heads, rows, inner), normal(rng, heads, inner, columns)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "TILE", tile)
        wide = np.full((heads, rows, columns + 2), np.nan, np.float32)
        products.multiply(left, right, wide[..., 1:-1])
        added = np.ones((heads, rows, columns), np.float32)
        products.add_product(left, right, added)
    expected = left.astype(np.float64) @ right
    np.testing.assert_allclose(wide[..., 1:-1], expected, rtol=1e-4, atol=1e-4)
    assert np.isnan(wide[..., [0, -1]]).all()
    np.testing.assert_allclose(added, expected + 1, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(96, 132, 64), (1, 8192, 64), (1536, 300, 256), (3, 5, 7)])
def test_no_product_is_larger_than_a_tile(size: tuple[int, int, int]) -> None:
    rows, columns, depth = size
    seen = np.zeros((rows, columns), int)
    for high, wide in products._tiles(rows, columns, depth):
        seen[high, wide] += 1
        assert seen[high, wide].size * depth <= products.TILE
    assert (seen == 1).all()

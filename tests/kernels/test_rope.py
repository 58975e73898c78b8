from __future__ import annotations

from typing import Any

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_inputs import column_slices, normal, seeds

from edgehybrid_kernels import KernelError, Kernels, angles, set_threads


@st.composite
def shapes(draw: st.DrawFn) -> tuple[int, ...]:
    """(T, H, Dh, R / 2)."""
    head_dim = draw(st.sampled_from([1, 2, 7, 32, 64, 80]))
    pairs = draw(st.integers(0, head_dim // 2))
    return draw(st.sampled_from([0, 1, 5])), draw(st.integers(1, 3)), head_dim, pairs


def inputs(seed: int, shape: tuple[int, ...]) -> tuple[Any, Any, Any]:
    tokens, heads, head_dim, pairs = shape
    rng = np.random.default_rng(seed)
    return normal(rng, tokens, heads * head_dim), *angles(seed % 1000, tokens, normal(rng, pairs))


def run(kernels: Kernels, x: Any, cos: Any, sin: Any, head_dim: int) -> Any:
    out = np.full(x.shape, np.nan, np.float32)
    kernels.rotate(x, cos, sin, out, head_dim=head_dim)
    return out


@given(seed=seeds, shape=shapes())
@settings(max_examples=60, deadline=None)
def test_equals_the_formula(kernels: Kernels, seed: int, shape: tuple[int, ...]) -> None:
    arrays = inputs(seed, shape)
    expected = naive.rotate(*arrays, head_dim=shape[2])
    np.testing.assert_allclose(run(kernels, *arrays, shape[2]), expected, rtol=1e-6, atol=1e-6)


@given(seed=seeds, shape=shapes())
@settings(max_examples=30, deadline=None)
def test_columns_of_a_read_only_matrix_and_writing_in_place(
    kernels: Kernels, seed: int, shape: tuple[int, ...]
) -> None:
    arrays = inputs(seed, shape)
    expected = run(kernels, *arrays, shape[2])
    np.testing.assert_array_equal(run(kernels, *column_slices(*arrays), shape[2]), expected)
    wide = np.concatenate([arrays[0], arrays[0]], axis=1)
    x = wide[:, : arrays[0].shape[1]]
    kernels.rotate(x, *arrays[1:], x, head_dim=shape[2])
    np.testing.assert_array_equal(wide, np.concatenate([expected, arrays[0]], axis=1))


@pytest.mark.usefixtures("spread")
def test_threads_change_no_bit(numba_kernels: Kernels) -> None:
    arrays = inputs(1, (37, 3, 48, 12))
    threaded = run(numba_kernels, *arrays, 48)
    set_threads(1)
    np.testing.assert_array_equal(run(numba_kernels, *arrays, 48), threaded)


def test_nan_stays_in_its_pair(kernels: Kernels) -> None:
    x, cos, sin = inputs(2, (4, 2, 40, 10))
    x[1, 43] = np.nan
    where = np.argwhere(np.isnan(run(kernels, x, cos, sin, 40)))
    np.testing.assert_array_equal(where, [[1, 43], [1, 53]])


def test_angles_grow_with_position_from_the_first() -> None:
    frequencies = np.array([1.0, 0.01], np.float32)
    cos, sin = angles(7, 3, frequencies, 2.0)
    radians = np.array([7, 8, 9])[:, None] * frequencies
    np.testing.assert_allclose(cos, 2 * np.cos(radians), rtol=1e-6)
    np.testing.assert_allclose(sin, 2 * np.sin(radians), rtol=1e-6)
    assert cos.dtype == sin.dtype == np.float32


@pytest.mark.parametrize(
    ("columns", "pairs", "head_dim", "message"),
    [
        (10, 2, 0, "head_dim is 0, expected a divisor of the 10 columns"),
        (10, 2, 4, "head_dim is 4, expected a divisor of the 10 columns"),
        (10, 3, 5, "cos has 3 columns, expected at most half of head_dim 5"),
    ],
)
def test_wrong_sizes_are_refused(
    kernels: Kernels, columns: int, pairs: int, head_dim: int, message: str
) -> None:
    cos = np.zeros((2, pairs), np.float32)
    with pytest.raises(KernelError, match=message):
        run(kernels, np.zeros((2, columns), np.float32), cos, cos, head_dim)


def test_wrong_shapes_are_refused(kernels: Kernels) -> None:
    x, cos, sin = inputs(0, (3, 2, 8, 2))
    with pytest.raises(KernelError, match=r"sin has shape \(3, 1\), expected \(3, 2\)"):
        run(kernels, x, cos, sin[:, :1], 8)

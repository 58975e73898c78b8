from __future__ import annotations

from typing import Any

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_inputs import column_slices, normal, seeds

from edgehybrid_kernels import KernelError, Kernels, set_threads

shapes = st.tuples(st.sampled_from([0, 1, 3]), st.integers(1, 50))
activations = st.sampled_from(["silu", "sigmoid", "gelu_tanh", "identity"])


def inputs(seed: int, shape: tuple[int, int]) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return normal(rng, *shape), 5 * normal(rng, *shape)


def run(kernels: Kernels, y: Any, z: Any, activation: Any) -> Any:
    out = np.full(y.shape, np.nan, np.float32)
    kernels.apply_gate(y, z, out, activation=activation)
    return out


@given(seed=seeds, shape=shapes, activation=activations)
@settings(max_examples=60, deadline=None)
def test_equals_the_formula(
    kernels: Kernels, seed: int, shape: tuple[int, int], activation: str
) -> None:
    y, z = inputs(seed, shape)
    expected = y * naive.GATES[activation](z.astype(np.float64))
    # Where the formula's 1 + tanh cancels, in float64 too, the kernels' sigmoid does not.
    np.testing.assert_allclose(run(kernels, y, z, activation), expected, rtol=3e-6, atol=1e-14)


@given(seed=seeds, shape=shapes, activation=activations)
@settings(max_examples=30, deadline=None)
def test_columns_of_a_read_only_matrix_and_writing_in_place(
    kernels: Kernels, seed: int, shape: tuple[int, int], activation: Any
) -> None:
    y, z = inputs(seed, shape)
    expected = run(kernels, y, z, activation)
    np.testing.assert_array_equal(run(kernels, *column_slices(y, z), activation), expected)
    for target, arrays in ((y, (y, z.copy())), (z, (y.copy(), z))):
        original = target.copy()
        kernels.apply_gate(*arrays, target, activation=activation)
        np.testing.assert_array_equal(target, expected)
        target[...] = original


@pytest.mark.usefixtures("spread")
def test_threads_change_no_bit(numba_kernels: Kernels) -> None:
    y, z = inputs(1, (37, 50))
    threaded = run(numba_kernels, y, z, "silu")
    set_threads(1)
    np.testing.assert_array_equal(run(numba_kernels, y, z, "silu"), threaded)


@pytest.mark.parametrize("activation", ["silu", "sigmoid", "gelu_tanh", "identity"])
def test_nan_stays_where_it_is(kernels: Kernels, activation: str) -> None:
    y, z = inputs(1, (3, 20))
    y[0, 3] = z[2, 17] = np.nan
    where = np.argwhere(np.isnan(run(kernels, y, z, activation)))
    np.testing.assert_array_equal(where, [[0, 3], [2, 17]])


def test_wrong_arguments_are_refused(kernels: Kernels) -> None:
    y, z = inputs(0, (2, 10))
    with pytest.raises(KernelError, match="activation is 'relu', expected one of"):
        run(kernels, y, z, "relu")
    with pytest.raises(KernelError, match=r"z has shape \(1, 10\), expected \(2, 10\)"):
        run(kernels, y, z[:1], "silu")

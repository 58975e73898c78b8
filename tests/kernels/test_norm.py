from __future__ import annotations

from typing import Any

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_inputs import column_slices, normal, read_only, seeds

from edgehybrid_kernels import KernelError, Kernels, set_threads

# (T, width of a group, groups)
shapes = st.tuples(st.sampled_from([0, 1, 3, 8]), st.integers(1, 40), st.integers(1, 3))


def inputs(seed: int, shape: tuple[int, int, int]) -> tuple[Any, Any, Any]:
    tokens, width, groups = shape
    rng = np.random.default_rng(seed)
    y, z = normal(rng, tokens, width * groups), normal(rng, tokens, width * groups)
    return y, z, read_only(normal(rng, width * groups))


def run(kernels: Kernels, y: Any, z: Any, weight: Any, groups: int, after: bool) -> Any:
    out = np.full(y.shape, np.nan, np.float32)
    kernels.gated_rms_norm(y, z, weight, out, eps=1e-5, groups=groups, norm_before_gate=after)
    return out


@given(seed=seeds, shape=shapes, after=st.booleans())
@settings(max_examples=60, deadline=None)
def test_equals_the_formula(
    kernels: Kernels, seed: int, shape: tuple[int, int, int], after: bool
) -> None:
    y, z, weight = inputs(seed, shape)
    expected = naive.gated_rms_norm(y, z, weight, eps=1e-5, groups=shape[2], norm_before_gate=after)
    found = run(kernels, y, z, weight, shape[2], after)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@given(
    seed=seeds,
    shape=shapes,
    after=st.booleans(),
    gate=st.sampled_from(["silu", "sigmoid", None]),
    weights=st.sampled_from(["own", "shared", None]),
)
@settings(max_examples=80, deadline=None)
def test_variants_equal_the_formula(
    kernels: Kernels,
    seed: int,
    shape: tuple[int, int, int],
    after: bool,
    gate: Any,
    weights: str | None,
) -> None:
    y, z, weight = inputs(seed, shape)
    z = None if gate is None else z
    weight = {"own": weight, "shared": weight[: shape[1]], None: None}[weights]
    options = {"eps": 1e-5, "groups": shape[2], "norm_before_gate": after, "gate": gate or "silu"}
    out = np.full(y.shape, np.nan, np.float32)
    kernels.gated_rms_norm(y, z, weight, out, **options)
    expected = naive.gated_rms_norm(y, z, weight, **options)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)


@given(seed=seeds, shape=shapes, after=st.booleans())
@settings(max_examples=30, deadline=None)
def test_rows_do_not_depend_on_each_other(
    kernels: Kernels, seed: int, shape: tuple[int, int, int], after: bool
) -> None:
    y, z, weight = inputs(seed, shape)
    whole = run(kernels, y, z, weight, shape[2], after)
    for row in range(len(y)):
        one = slice(row, row + 1)
        alone = run(kernels, y[one], z[one], weight, shape[2], after)
        np.testing.assert_array_equal(alone, whole[one])


@given(seed=seeds, shape=shapes, after=st.booleans())
@settings(max_examples=30, deadline=None)
def test_columns_of_a_read_only_matrix_and_writing_in_place(
    kernels: Kernels, seed: int, shape: tuple[int, int, int], after: bool
) -> None:
    y, z, weight = inputs(seed, shape)
    expected = run(kernels, y, z, weight, shape[2], after)
    np.testing.assert_array_equal(
        run(kernels, *column_slices(y, z), weight, shape[2], after), expected
    )
    for target in (y.copy(), z.copy()):
        left = target if np.array_equal(target, y) else y
        right = z if left is target else target
        kernels.gated_rms_norm(
            left, right, weight, target, eps=1e-5, groups=shape[2], norm_before_gate=after
        )
        np.testing.assert_array_equal(target, expected)


@pytest.mark.usefixtures("spread")
def test_threads_change_no_bit(numba_kernels: Kernels) -> None:
    arrays = inputs(2, (37, 50, 2))
    threaded = run(numba_kernels, *arrays, 2, False)
    set_threads(1)
    np.testing.assert_array_equal(run(numba_kernels, *arrays, 2, False), threaded)


@pytest.mark.parametrize("after", [False, True])
def test_nan_stays_in_its_group_of_its_row(kernels: Kernels, after: bool) -> None:
    y, z, weight = inputs(4, (5, 20, 3))
    y[2, 25] = np.nan
    spoilt = np.isnan(run(kernels, y, z, weight, 3, after))
    expected = np.zeros(y.shape, bool)
    expected[2, 20:40] = True
    np.testing.assert_array_equal(spoilt, expected)


def test_zeros_stay_zeros(kernels: Kernels) -> None:
    zeros = np.zeros((2, 10), np.float32)
    ones = np.ones(10, np.float32)
    np.testing.assert_array_equal(run(kernels, zeros, zeros, ones, 1, False), zeros)


@pytest.mark.parametrize("groups", [0, -1, 3, 11])
def test_groups_that_do_not_divide_are_refused(kernels: Kernels, groups: int) -> None:
    y, z, weight = inputs(0, (2, 10, 1))
    with pytest.raises(KernelError, match=f"groups is {groups}, expected a divisor of the 10"):
        run(kernels, y, z, weight, groups, False)


def test_wrong_shapes_are_refused(kernels: Kernels) -> None:
    y, z, weight = inputs(0, (2, 10, 1))
    with pytest.raises(KernelError, match=r"z has shape \(1, 10\), expected \(2, 10\)"):
        run(kernels, y, z[:1], weight, 1, False)
    with pytest.raises(KernelError, match=r"weight has shape \(9,\), expected \(10,\)"):
        run(kernels, y, z, weight[:9].copy(), 1, False)


def test_unknown_gates_are_refused(kernels: Kernels) -> None:
    y, z, weight = inputs(0, (2, 10, 1))
    with pytest.raises(KernelError, match="gate is 'tanh', expected 'silu' or 'sigmoid'"):
        kernels.gated_rms_norm(y, z, weight, y.copy(), eps=0.0, groups=1, gate="tanh")  # type: ignore[arg-type]

from __future__ import annotations

from typing import Any

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_inputs import column_slices, cuts, normal, read_only, seeds

from edgehybrid_kernels import KernelError, Kernels

shapes = st.tuples(st.sampled_from([0, 1, 2, 3, 7, 18]), st.integers(1, 40), st.integers(1, 5))


def inputs(seed: int, shape: tuple[int, int, int]) -> tuple[Any, ...]:
    tokens, channels, taps = shape
    rng = np.random.default_rng(seed)
    parameters = normal(rng, channels, taps), normal(rng, channels)
    return (
        normal(rng, tokens, channels),
        *map(read_only, parameters),
        normal(rng, taps - 1, channels),
    )


def run(kernels: Kernels, x: Any, weight: Any, bias: Any, state: Any, silu: bool) -> Any:
    state, out = state.copy(), np.full(x.shape, np.nan, np.float32)
    kernels.causal_conv(x, weight, bias, state, out, silu=silu)
    return out, state


@given(seed=seeds, shape=shapes, silu=st.booleans())
@settings(max_examples=60, deadline=None)
def test_equals_the_formula(
    kernels: Kernels, seed: int, shape: tuple[int, int, int], silu: bool
) -> None:
    x, weight, bias, state = inputs(seed, shape)
    out, after = run(kernels, x, weight, bias, state, silu)
    expected, expected_after = naive.causal_conv(x, weight, bias, state, activate=silu)
    np.testing.assert_allclose(out, expected, rtol=2e-5, atol=2e-6)
    np.testing.assert_array_equal(after, expected_after.astype(np.float32))


@given(data=st.data(), seed=seeds, shape=shapes, silu=st.booleans())
@settings(max_examples=60, deadline=None)
def test_cutting_the_sequence_changes_no_bit(
    kernels: Kernels, data: st.DataObject, seed: int, shape: tuple[int, int, int], silu: bool
) -> None:
    x, weight, bias, state = inputs(seed, shape)
    whole, after = run(kernels, x, weight, bias, state, silu)
    pieces = []
    for piece in data.draw(cuts(len(x))):
        out, state = run(kernels, x[piece], weight, bias, state, silu)
        pieces.append(out)
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    np.testing.assert_array_equal(state, after)


@given(seed=seeds, shape=shapes)
@settings(max_examples=30, deadline=None)
def test_columns_of_a_read_only_matrix_are_accepted(
    kernels: Kernels, seed: int, shape: tuple[int, int, int]
) -> None:
    x, weight, bias, state = inputs(seed, shape)
    expected = run(kernels, x, weight, bias, state, True)
    found = run(kernels, column_slices(x)[0], weight, bias, state, True)
    for left, right in zip(found, expected, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.usefixtures("spread")
@pytest.mark.parametrize("channels", [1, 15, 16, 33, 200])
def test_threads_change_no_bit(numba_kernels: Kernels, channels: int) -> None:
    from edgehybrid_kernels import set_threads

    x, weight, bias, state = inputs(channels, (9, channels, 4))
    threaded = run(numba_kernels, x, weight, bias, state, True)
    set_threads(1)
    for left, right in zip(threaded, run(numba_kernels, x, weight, bias, state, True), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_reaches_its_channel_for_as_long_as_the_taps_see_it(
    kernels: Kernels, value: float
) -> None:
    x, weight, bias, state = inputs(3, (9, 20, 3))
    x[4, 17] = value
    out, _ = run(kernels, x, weight, bias, state, False)
    affected = np.zeros(out.shape, bool)
    affected[4:7, 17] = True
    np.testing.assert_array_equal(~np.isfinite(out), affected)


def test_silu_is_exact_where_its_exponential_overflows(kernels: Kernels) -> None:
    x = np.array([[-1000.0, -100.0, 0.0, 100.0, 1000.0, np.inf, np.nan]], np.float32)
    ones, none = np.ones((7, 1), np.float32), np.zeros((0, 7), np.float32)
    out, _ = run(kernels, x, ones, np.zeros(7, np.float32), none, True)
    expected = [0.0, 0.0, 0.0, 100.0, 1000.0, np.inf, np.nan]
    np.testing.assert_allclose(out[0], expected, atol=1e-38)


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("x", np.zeros((3, 5), np.float64), r"x has dtype float64, expected float32"),
        ("x", np.zeros(4, np.float32), r"x has shape \(4,\), expected an array of 2 axes"),
        ("x", [[1.0]], r"x has list, expected an array of 2 axes"),
        ("x", np.zeros((4, 3), np.float32).T, r"x has strides .* with a contiguous last axis"),
        ("weight", np.zeros((5, 2), np.float32), r"weight has shape \(5, 2\), expected \(4, 2\)"),
        ("weight", np.zeros((4, 0), np.float32), r"weight has shape \(4, 0\), .* at least one tap"),
        ("bias", np.zeros(8, np.float32)[::2], r"bias has strides \(8,\) bytes, .* C-contiguous"),
        ("state", np.zeros((2, 4), np.float32), r"state has shape \(2, 4\), expected \(1, 4\)"),
        ("state", read_only(np.zeros((1, 4), np.float32)), r"state is read-only"),
        ("out", np.zeros((3, 4), np.int32), r"out has dtype int32, expected float32"),
    ],
)
def test_wrong_arrays_are_refused(kernels: Kernels, name: str, wrong: Any, message: str) -> None:
    shapes = {"x": (3, 4), "weight": (4, 2), "bias": (4,), "state": (1, 4), "out": (3, 4)}
    arrays = {key: np.zeros(shape, np.float32) for key, shape in shapes.items()}
    with pytest.raises(KernelError, match=message):
        kernels.causal_conv(**(arrays | {name: wrong}), silu=True)

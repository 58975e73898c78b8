from __future__ import annotations

from typing import Any

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_inputs import column_slices, cuts, normal, read_only, seeds

from edgehybrid_kernels import KernelError, Kernels, set_threads

NAMES = ("x", "dt", "a", "b", "c", "d", "dt_bias", "state")
PER_TOKEN = ("x", "dt", "b", "c")
UNLIMITED = (0.0, float("inf"))


@st.composite
def shapes(draw: st.DrawFn) -> tuple[int, ...]:
    """(T, H, G, N, P)."""
    groups, per_group = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    tokens = draw(st.sampled_from([0, 1, 2, 3, 4, 5, 9]))
    n_state = draw(st.sampled_from([1, 2, 7, 16]))
    channels = draw(st.sampled_from([1, 3, 8, 16, 17, 32, 35]))
    return tokens, groups * per_group, groups, n_state, channels


limits = st.sampled_from([UNLIMITED, (0.3, 0.9)])


def inputs(seed: int, shape: tuple[int, ...]) -> dict[str, Any]:
    tokens, heads, groups, n_state, channels = shape
    rng = np.random.default_rng(seed)
    sizes = {
        "x": (tokens, heads * channels),
        "dt": (tokens, heads),
        "a": (heads,),
        "b": (tokens, groups * n_state),
        "c": (tokens, groups * n_state),
        "d": (heads,),
        "dt_bias": (heads,),
        "state": (heads, n_state, channels),
    }
    arrays = {name: normal(rng, *size) for name, size in sizes.items()}
    arrays["a"] = -np.exp(arrays["a"])
    arrays["scale"] = np.exp(normal(rng, heads))
    return arrays


def run(kernels: Kernels, arrays: dict[str, Any], limit: Any = UNLIMITED) -> Any:
    """Output, and the state of the paper."""
    out, state, scale = run_raw(kernels, arrays, limit)
    return out, state * scale[:, None, None]


def run_raw(kernels: Kernels, arrays: dict[str, Any], limit: Any = UNLIMITED) -> Any:
    """Output, and state and scale as the kernel keeps them."""
    state, scale = arrays["state"].copy(), arrays["scale"].copy()
    out = np.full(arrays["x"].shape, np.nan, np.float32)
    kernels.ssd_scan(**(arrays | {"state": state, "scale": scale}), out=out, dt_limit=limit)
    return out, state, scale


def formula(arrays: dict[str, Any], limit: Any) -> Any:
    true = arrays["state"] * arrays["scale"][:, None, None]
    plain = {name: array for name, array in arrays.items() if name != "scale"}
    return naive.ssd_scan(**(plain | {"state": true}), dt_limit=limit)


@given(seed=seeds, shape=shapes(), limit=limits)
@settings(max_examples=60, deadline=None)
def test_equals_the_formula(
    kernels: Kernels, seed: int, shape: tuple[int, ...], limit: tuple[float, float]
) -> None:
    arrays = inputs(seed, shape)
    out, state = run(kernels, arrays, limit)
    expected, expected_state = formula(arrays, limit)
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(state, expected_state, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("tokens", [63, 64, 65, 200])
def test_long_sequences_equal_the_formula(kernels: Kernels, tokens: int) -> None:
    arrays = inputs(tokens, (tokens, 4, 2, 8, 16))
    out, state = run(kernels, arrays)
    expected, expected_state = formula(arrays, UNLIMITED)
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(state, expected_state, rtol=1e-4, atol=1e-4)


def in_pieces(kernels: Kernels, arrays: dict[str, Any], pieces: list[slice]) -> Any:
    arrays, outs = dict(arrays), []
    for piece in pieces:
        part = {name: arrays[name][piece] for name in PER_TOKEN}
        out, arrays["state"], arrays["scale"] = run_raw(kernels, arrays | part)
        outs.append(out)
    return np.concatenate(outs), arrays["state"] * arrays["scale"][:, None, None]


@given(data=st.data(), seed=seeds, shape=shapes())
@settings(max_examples=60, deadline=None)
def test_cutting_the_sequence_changes_no_bit(
    numba_kernels: Kernels, data: st.DataObject, seed: int, shape: tuple[int, ...]
) -> None:
    arrays = inputs(seed, shape)
    pieces = data.draw(cuts(shape[0]))
    for left, right in zip(
        in_pieces(numba_kernels, arrays, pieces), run(numba_kernels, arrays), strict=True
    ):
        np.testing.assert_array_equal(left, right)


@given(data=st.data(), seed=seeds, shape=shapes())
@settings(max_examples=30, deadline=None)
def test_cutting_the_sequence_changes_rounding_only_in_numpy(
    numpy_kernels: Kernels, data: st.DataObject, seed: int, shape: tuple[int, ...]
) -> None:
    arrays = inputs(seed, shape)
    pieces = data.draw(cuts(shape[0]))
    for left, right in zip(
        in_pieces(numpy_kernels, arrays, pieces), run(numpy_kernels, arrays), strict=True
    ):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-4)


@given(seed=seeds, shape=shapes())
@settings(max_examples=30, deadline=None)
def test_columns_of_a_read_only_matrix_are_accepted(
    kernels: Kernels, seed: int, shape: tuple[int, ...]
) -> None:
    arrays = inputs(seed, shape)
    slices = dict(zip(PER_TOKEN, column_slices(*(arrays[name] for name in PER_TOKEN)), strict=True))
    constants = {name: read_only(arrays[name].copy()) for name in ("a", "d", "dt_bias")}
    for left, right in zip(
        run(kernels, arrays | slices | constants), run(kernels, arrays), strict=True
    ):
        # How BLAS sums may depend on how far rows lie apart.
        np.testing.assert_allclose(left, right, rtol=1e-4 if kernels.name == "numpy" else 0)


@pytest.mark.usefixtures("spread")
@given(seed=seeds, shape=shapes())
@settings(max_examples=30, deadline=None)
def test_threads_change_no_bit(numba_kernels: Kernels, seed: int, shape: tuple[int, ...]) -> None:
    arrays = inputs(seed, shape)
    set_threads(3)
    threaded = run(numba_kernels, arrays)
    set_threads(1)
    for left, right in zip(threaded, run(numba_kernels, arrays), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["x", "dt", "b", "c"])
def test_what_is_not_finite_reaches_its_head_from_its_token_on(
    kernels: Kernels, name: str, value: float
) -> None:
    arrays = inputs(5, (11, 4, 2, 6, 20))
    arrays[name][6, -1] = value  # of the last channel, head, or group of two heads
    out, _ = run(kernels, arrays)
    spoilt = ~np.isfinite(out)
    assert spoilt[6].any() or (name == "dt" and value == np.inf)
    assert not spoilt[:6].any()
    first = {"x": 79, "dt": 60, "b": 40, "c": 40}[name]
    assert not spoilt[:, :first].any()
    if name == "c":
        assert not spoilt[7:].any()


def test_out_may_be_x(kernels: Kernels) -> None:
    arrays = inputs(7, (10, 4, 1, 5, 24))
    expected, _ = run(kernels, arrays)
    x = arrays["x"].copy()
    kernels.ssd_scan(**(arrays | {"x": x}), out=x)
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("rate", [0.0, -1e-3, -1.0, -9.0, -30.0, -80.0, -200.0, 0.3])
def test_scales_stay_in_bounds_whatever_the_decay(kernels: Kernels, rate: float) -> None:
    """Fast decays rescale at every token, slow ones hardly ever; the formula holds for all."""
    arrays = inputs(8, (150, 2, 1, 4, 18))
    arrays["a"][:] = rate
    arrays["dt"][:] = 0.1 * arrays["dt"] if rate <= 0 else -3.0
    out, state, scale = run_raw(kernels, arrays)
    assert ((scale >= 2.0**-64) & (scale <= 2.0**64)).all()
    expected, expected_state = formula(arrays, UNLIMITED)
    np.testing.assert_allclose(out, expected, rtol=2e-4, atol=2e-4)
    true = state * scale[:, None, None]
    np.testing.assert_allclose(true, expected_state, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("name", ["x", "dt", "b", "c", "state"])
def test_a_block_with_nan_is_read_as_one_by_one(numpy_kernels: Kernels, name: str) -> None:
    arrays = inputs(6, (70, 4, 2, 6, 20))
    arrays[name][40 if name != "state" else 0, -1] = np.nan
    found = run(numpy_kernels, arrays)
    expected = in_pieces(numpy_kernels, arrays, [slice(t, t + 1) for t in range(70)])
    for left, right in zip(found, expected, strict=True):
        np.testing.assert_array_equal(np.isnan(left), np.isnan(right))
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-4)


def test_many_tokens_lose_no_precision(kernels: Kernels) -> None:
    arrays = inputs(9, (5000, 2, 1, 8, 16))
    arrays["a"][:] = [-0.001, -0.3]
    out, _ = run(kernels, arrays)
    expected, _ = formula(arrays, UNLIMITED)
    assert np.abs(out - expected).max() < 2e-5 * np.abs(expected).max()


@pytest.mark.parametrize("raw", [-85.0, -20.0, -3.0, 0.0, 3.0, 20.0, 100.0])
def test_softplus_is_accurate_at_both_ends(kernels: Kernels, raw: float) -> None:
    ones = np.ones((1, 1), np.float32)
    state, out = np.zeros((1, 1, 1), np.float32), np.zeros((1, 1), np.float32)
    zero = np.zeros(1, np.float32)
    dt = np.full((1, 1), raw, np.float32)
    kernels.ssd_scan(ones, dt, zero, ones, ones, zero, zero, state, ones[0].copy(), out)
    np.testing.assert_allclose(state[0, 0, 0], np.logaddexp(0.0, raw), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("x", (3, 9), r"x has shape \(3, 9\), expected \(3, 10\)"),
        ("dt", (3, 3), r"dt has shape \(3, 3\), expected \(3, 2\)"),
        ("a", (3,), r"a has shape \(3,\), expected \(2,\)"),
        ("b", (3, 6), r"b has 6 columns, expected G \* 4"),
        ("b", (3, 12), r"b has 12 columns, .* G divides the 2 heads"),
        ("c", (3, 8), r"c has shape \(3, 8\), expected \(3, 4\)"),
        ("state", (2, 20), r"state has shape \(2, 20\), expected an array of 3 axes"),
        ("scale", (3,), r"scale has shape \(3,\), expected \(2,\)"),
        ("state", (0, 4, 5), r"state has shape \(0, 4, 5\), .* at least 1 each"),
        ("out", (2, 10), r"out has shape \(2, 10\), expected \(3, 10\)"),
    ],
)
def test_wrong_shapes_are_refused(
    kernels: Kernels, name: str, shape: tuple[int, ...], message: str
) -> None:
    arrays = inputs(0, (3, 2, 1, 4, 5)) | {"out": np.zeros((3, 10), np.float32)}
    arrays[name] = np.zeros(shape, np.float32)
    with pytest.raises(KernelError, match=message):
        kernels.ssd_scan(**arrays)


@pytest.mark.parametrize("limit", [(1.0, 0.5), (float("nan"), 1.0)])
def test_wrong_limits_are_refused(kernels: Kernels, limit: tuple[float, float]) -> None:
    with pytest.raises(KernelError, match=r"dt_limit is .* lower bound first"):
        run(kernels, inputs(0, (3, 2, 1, 4, 5)), limit)

from __future__ import annotations

from typing import Any

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_inputs import cuts, normal, seeds
from scan_invariants import as_columns, assert_same, in_pieces, threaded_and_alone

from edgehybrid_kernels import KernelError, Kernels

PER_TOKEN = ("x", "dt", "b", "c")

# (T, N, C)
shapes = st.tuples(
    st.sampled_from([0, 1, 2, 5, 9]),
    st.sampled_from([1, 3, 16]),
    st.sampled_from([1, 7, 16, 33, 64]),
)


def inputs(seed: int, shape: tuple[int, ...]) -> dict[str, Any]:
    tokens, n_state, channels = shape
    rng = np.random.default_rng(seed)
    sizes = {
        "x": (tokens, channels),
        "dt": (tokens, channels),
        "a": (n_state, channels),
        "b": (tokens, n_state),
        "c": (tokens, n_state),
        "d": (channels,),
        "dt_bias": (channels,),
        "state": (n_state, channels),
    }
    arrays = {name: normal(rng, *size) for name, size in sizes.items()}
    arrays["a"] = -np.exp(arrays["a"])
    return arrays


def run(kernels: Kernels, arrays: dict[str, Any]) -> tuple[Any, Any]:
    state = arrays["state"].copy()
    out = np.full(arrays["x"].shape, np.nan, np.float32)
    kernels.selective_scan(**(arrays | {"state": state}), out=out)
    return out, state


@given(seed=seeds, shape=shapes)
@settings(max_examples=60, deadline=None)
def test_equals_the_formula(kernels: Kernels, seed: int, shape: tuple[int, ...]) -> None:
    arrays = inputs(seed, shape)
    assert_same(run(kernels, arrays), naive.selective_scan(**arrays), 1e-4)


@given(data=st.data(), seed=seeds, shape=shapes)
@settings(max_examples=60, deadline=None)
def test_cutting_the_sequence_changes_no_bit(
    kernels: Kernels, data: st.DataObject, seed: int, shape: tuple[int, ...]
) -> None:
    arrays = inputs(seed, shape)
    found = in_pieces(kernels, arrays, data.draw(cuts(shape[0])), PER_TOKEN, run)
    assert_same(found, run(kernels, arrays))


@given(seed=seeds, shape=shapes)
@settings(max_examples=30, deadline=None)
def test_columns_of_a_read_only_matrix_are_accepted(
    kernels: Kernels, seed: int, shape: tuple[int, ...]
) -> None:
    arrays = inputs(seed, shape)
    assert_same(run(kernels, as_columns(arrays, PER_TOKEN)), run(kernels, arrays))


@pytest.mark.usefixtures("spread")
@given(seed=seeds, shape=shapes)
@settings(max_examples=30, deadline=None)
def test_threads_change_no_bit(numba_kernels: Kernels, seed: int, shape: tuple[int, ...]) -> None:
    assert_same(*threaded_and_alone(numba_kernels, inputs(seed, shape), run))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", PER_TOKEN)
def test_what_is_not_finite_reaches_its_channel_from_its_token_on(
    kernels: Kernels, name: str, value: float
) -> None:
    arrays = inputs(5, (11, 6, 20))
    arrays[name][6, -1] = value  # of the last channel, or of all
    out, _ = run(kernels, arrays)
    spoilt = ~np.isfinite(out)
    assert spoilt[6].any() or (name == "dt" and value == np.inf)
    assert not spoilt[:6].any()
    if name in ("x", "dt"):
        assert not spoilt[:, :-1].any()
    if name == "c":
        assert not spoilt[7:].any()


@pytest.mark.parametrize("name", ["x", "dt"])
def test_out_may_be_an_input(kernels: Kernels, name: str) -> None:
    arrays = inputs(7, (10, 5, 24))
    expected, _ = run(kernels, arrays)
    target = arrays[name].copy()
    kernels.selective_scan(**(arrays | {name: target}), out=target)
    np.testing.assert_array_equal(target, expected)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("x", (3, 9), r"x has shape \(3, 9\), expected \(3, 10\)"),
        ("dt", (3, 1), r"dt has shape \(3, 1\), expected \(3, 10\)"),
        ("a", (10, 4), r"a has shape \(10, 4\), expected \(4, 10\)"),
        ("b", (3, 5), r"b has shape \(3, 5\), expected \(3, 4\)"),
        ("c", (2, 4), r"c has shape \(2, 4\), expected \(3, 4\)"),
        ("d", (4,), r"d has shape \(4,\), expected \(10,\)"),
        ("dt_bias", (1,), r"dt_bias has shape \(1,\), expected \(10,\)"),
        ("state", (40,), r"state has shape \(40,\), expected an array of 2 axes"),
        ("state", (0, 10), r"state has shape \(0, 10\), .* at least 1 each"),
        ("out", (2, 10), r"out has shape \(2, 10\), expected \(3, 10\)"),
    ],
)
def test_wrong_shapes_are_refused(
    kernels: Kernels, name: str, shape: tuple[int, ...], message: str
) -> None:
    arrays = inputs(0, (3, 4, 10)) | {"out": np.zeros((3, 10), np.float32)}
    arrays[name] = np.zeros(shape, np.float32)
    with pytest.raises(KernelError, match=message):
        kernels.selective_scan(**arrays)

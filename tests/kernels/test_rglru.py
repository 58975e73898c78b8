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

PER_TOKEN = ("x", "gate_a", "gate_x")

# (T, C)
shapes = st.tuples(st.sampled_from([0, 1, 2, 5, 40]), st.sampled_from([1, 7, 16, 33, 64]))


def inputs(seed: int, shape: tuple[int, int]) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    arrays = {name: normal(rng, *shape) for name in PER_TOKEN}
    log_a = -8 * np.logaddexp(0, normal(rng, shape[1])).astype(np.float32)
    return arrays | {"log_a": log_a, "state": normal(rng, shape[1])}


def run(kernels: Kernels, arrays: dict[str, Any], starts: bool = False) -> tuple[Any, Any]:
    state = arrays["state"].copy()
    out = np.full(arrays["x"].shape, np.nan, np.float32)
    kernels.rg_lru(**(arrays | {"state": state}), out=out, starts=starts)
    return out, state


@given(seed=seeds, shape=shapes, starts=st.booleans())
@settings(max_examples=60, deadline=None)
def test_equals_the_formula(
    kernels: Kernels, seed: int, shape: tuple[int, int], starts: bool
) -> None:
    arrays = inputs(seed, shape)
    assert_same(run(kernels, arrays, starts), naive.rg_lru(**arrays, starts=starts), 1e-5)


def test_a_stream_begins_whatever_the_state_was(kernels: Kernels) -> None:
    arrays = inputs(3, (6, 20))
    nothing = arrays | {"state": np.full(20, np.nan, np.float32)}
    assert_same(run(kernels, nothing, True), run(kernels, arrays, True))
    first = naive.sigmoid(arrays["gate_x"][0].astype(np.float64)) * arrays["x"][0]
    np.testing.assert_allclose(run(kernels, arrays, True)[0][0], first, rtol=1e-6)


@given(data=st.data(), seed=seeds, shape=shapes)
@settings(max_examples=60, deadline=None)
def test_cutting_the_sequence_changes_no_bit(
    kernels: Kernels, data: st.DataObject, seed: int, shape: tuple[int, int]
) -> None:
    arrays = inputs(seed, shape)
    found = in_pieces(kernels, arrays, data.draw(cuts(shape[0])), PER_TOKEN, run)
    assert_same(found, run(kernels, arrays))


@given(seed=seeds, shape=shapes)
@settings(max_examples=30, deadline=None)
def test_columns_of_a_read_only_matrix_are_accepted(
    kernels: Kernels, seed: int, shape: tuple[int, int]
) -> None:
    arrays = inputs(seed, shape)
    assert_same(run(kernels, as_columns(arrays, PER_TOKEN)), run(kernels, arrays))


@pytest.mark.usefixtures("spread")
@given(seed=seeds, shape=shapes)
@settings(max_examples=30, deadline=None)
def test_threads_change_no_bit(numba_kernels: Kernels, seed: int, shape: tuple[int, int]) -> None:
    assert_same(*threaded_and_alone(numba_kernels, inputs(seed, shape), run))


@pytest.mark.parametrize("name", PER_TOKEN)
def test_nan_reaches_its_channel_from_its_token_on(kernels: Kernels, name: str) -> None:
    arrays = inputs(5, (11, 20))
    arrays[name][6, 17] = np.nan
    expected = np.zeros((11, 20), bool)
    expected[6:, 17] = True
    np.testing.assert_array_equal(np.isnan(run(kernels, arrays)[0]), expected)


def test_gates_that_are_open_or_shut_keep_or_take_all(kernels: Kernels) -> None:
    arrays = inputs(5, (2, 20)) | {"gate_a": np.array([[-200.0] * 20, [200.0] * 20], np.float32)}
    arrays["log_a"] = np.full(20, -200.0, np.float32)
    out, _ = run(kernels, arrays)
    np.testing.assert_array_equal(out[0], arrays["state"])
    taken = naive.sigmoid(arrays["gate_x"][1].astype(np.float64)) * arrays["x"][1]
    np.testing.assert_allclose(out[1], taken, rtol=1e-6)


@pytest.mark.parametrize("name", PER_TOKEN)
def test_out_may_be_an_input(kernels: Kernels, name: str) -> None:
    arrays = inputs(7, (10, 24))
    expected, _ = run(kernels, arrays)
    target = arrays[name].copy()
    kernels.rg_lru(**(arrays | {name: target}), out=target, starts=False)
    np.testing.assert_array_equal(target, expected)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("x", (10,), r"x has shape \(10,\), expected an array of 2 axes"),
        ("gate_a", (3, 9), r"gate_a has shape \(3, 9\), expected \(3, 10\)"),
        ("gate_x", (2, 10), r"gate_x has shape \(2, 10\), expected \(3, 10\)"),
        ("log_a", (1,), r"log_a has shape \(1,\), expected \(10,\)"),
        ("state", (1, 10), r"state has shape \(1, 10\), expected \(10,\)"),
        ("out", (2, 10), r"out has shape \(2, 10\), expected \(3, 10\)"),
    ],
)
def test_wrong_shapes_are_refused(
    kernels: Kernels, name: str, shape: tuple[int, ...], message: str
) -> None:
    arrays = inputs(0, (3, 10)) | {"out": np.zeros((3, 10), np.float32)}
    arrays[name] = np.zeros(shape, np.float32)
    with pytest.raises(KernelError, match=message):
        kernels.rg_lru(**arrays, starts=False)

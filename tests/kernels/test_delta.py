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

PER_TOKEN = ("q", "k", "v", "g", "beta")


@st.composite
def shapes(draw: st.DrawFn) -> tuple[int, ...]:
    """(T, Hk, Hv, Dk, Dv, decays per head)."""
    key_heads, per_key = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    key_dim = draw(st.sampled_from([1, 2, 7, 16, 20]))
    value_dim = draw(st.sampled_from([1, 3, 16, 17, 32, 50, 64]))
    tokens = draw(st.sampled_from([0, 1, 2, 5, 31, 32, 33, 70]))
    return (
        tokens,
        key_heads,
        key_heads * per_key,
        key_dim,
        value_dim,
        draw(st.sampled_from([1, key_dim])),
    )


def inputs(seed: int, shape: tuple[int, ...]) -> dict[str, Any]:
    tokens, key_heads, heads, key_dim, value_dim, decays = shape
    rng = np.random.default_rng(seed)
    return {
        "q": normal(rng, tokens, key_heads * key_dim),
        "k": normal(rng, tokens, key_heads * key_dim),
        "v": normal(rng, tokens, heads * value_dim),
        "g": -np.exp(normal(rng, tokens, heads * decays)),
        "beta": rng.random((tokens, heads), np.float32),
        "state": normal(rng, heads, key_dim, value_dim),
    }


def run(kernels: Kernels, arrays: dict[str, Any]) -> tuple[Any, Any]:
    state = arrays["state"].copy()
    out = np.full(arrays["v"].shape, np.nan, np.float32)
    kernels.gated_delta(**(arrays | {"state": state}), out=out)
    return out, state


@given(seed=seeds, shape=shapes())
@settings(max_examples=60, deadline=None)
def test_equals_the_formula(kernels: Kernels, seed: int, shape: tuple[int, ...]) -> None:
    arrays = inputs(seed, shape)
    assert_same(run(kernels, arrays), naive.gated_delta(**arrays), 1e-4)


@given(data=st.data(), seed=seeds, shape=shapes())
@settings(max_examples=60, deadline=None)
def test_cutting_the_sequence_changes_no_bit_but_those_of_blas(
    kernels: Kernels, data: st.DataObject, seed: int, shape: tuple[int, ...]
) -> None:
    arrays = inputs(seed, shape)
    found = in_pieces(kernels, arrays, data.draw(cuts(shape[0])), PER_TOKEN, run)
    assert_same(found, run(kernels, arrays), 0.0 if kernels.name == "numba" else 1e-5)


@given(seed=seeds, shape=shapes())
@settings(max_examples=30, deadline=None)
def test_columns_of_a_read_only_matrix_are_accepted(
    kernels: Kernels, seed: int, shape: tuple[int, ...]
) -> None:
    arrays = inputs(seed, shape)
    found = run(kernels, as_columns(arrays, PER_TOKEN))
    assert_same(found, run(kernels, arrays), 0.0 if kernels.name == "numba" else 1e-5)


@pytest.mark.usefixtures("spread")
@given(seed=seeds, shape=shapes())
@settings(max_examples=30, deadline=None)
def test_threads_change_no_bit(numba_kernels: Kernels, seed: int, shape: tuple[int, ...]) -> None:
    assert_same(*threaded_and_alone(numba_kernels, inputs(seed, shape), run))


@pytest.mark.parametrize("shape", [(70, 1, 2, 128, 128, 1), (70, 2, 2, 128, 128, 128)])
def test_sizes_of_published_models(kernels: Kernels, shape: tuple[int, ...]) -> None:
    arrays = inputs(1, shape)
    assert_same(run(kernels, arrays), naive.gated_delta(**arrays), 1e-4)


def test_one_decay_is_the_same_decay_for_every_channel(kernels: Kernels) -> None:
    arrays = inputs(6, (9, 1, 2, 5, 8, 1))
    everywhere = arrays | {"g": np.repeat(arrays["g"], 5, axis=1)}
    assert_same(run(kernels, everywhere), run(kernels, arrays))


def test_what_was_written_is_recalled(kernels: Kernels) -> None:
    """Full correction without decay: the state gives v back for k, whatever it held before."""
    arrays = inputs(7, (2, 1, 1, 16, 20, 1))
    arrays |= {"g": np.zeros((2, 1), np.float32), "beta": np.ones((2, 1), np.float32)}
    arrays["k"][1] = 3 * arrays["k"][0]
    arrays["q"] = arrays["k"]
    out, _ = run(kernels, arrays)
    np.testing.assert_allclose(4 * out, arrays["v"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", PER_TOKEN)
def test_what_is_not_finite_reaches_its_head_from_its_token_on(
    kernels: Kernels, name: str, value: float
) -> None:
    arrays = inputs(5, (11, 2, 4, 6, 20, 1))
    arrays[name][6, -1] = value  # of the last head, or of the two that share it
    out, _ = run(kernels, arrays)
    spoilt = ~np.isfinite(out)
    assert spoilt[6].any()
    assert not spoilt[:6].any()
    first = 40 if name in ("q", "k") else 60
    assert not spoilt[:, :first].any()
    if name == "q":
        assert not spoilt[7:].any()


def test_zeros_are_harmless_and_out_may_be_v(kernels: Kernels) -> None:
    arrays = inputs(7, (40, 1, 2, 5, 24, 1))
    arrays["k"][:2] = arrays["q"][:2] = 0
    expected, _ = run(kernels, arrays)
    assert (expected[:2] == 0).all()
    v = arrays["v"].copy()
    kernels.gated_delta(**(arrays | {"v": v}), out=v)
    np.testing.assert_array_equal(v, expected)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("q", (3, 9), r"q has 9 columns, expected Hk \* 4 where Hk divides the 2 heads"),
        ("q", (3, 12), r"q has 12 columns"),
        ("k", (3, 4), r"k has shape \(3, 4\), expected \(3, 8\)"),
        ("v", (3, 5), r"v has shape \(3, 5\), expected \(3, 10\)"),
        ("g", (3, 3), r"g has shape \(3, 3\), expected \(3, 2\)"),
        ("beta", (3, 1), r"beta has shape \(3, 1\), expected \(3, 2\)"),
        ("state", (2, 20), r"state has shape \(2, 20\), expected an array of 3 axes"),
        ("state", (2, 0, 5), r"state has shape \(2, 0, 5\), .* at least 1"),
        ("out", (2, 10), r"out has shape \(2, 10\), expected \(3, 10\)"),
    ],
)
def test_wrong_shapes_are_refused(
    kernels: Kernels, name: str, shape: tuple[int, ...], message: str
) -> None:
    arrays = inputs(0, (3, 2, 2, 4, 5, 1)) | {"out": np.zeros((3, 10), np.float32)}
    arrays[name] = np.zeros(shape, np.float32)
    with pytest.raises(KernelError, match=message):
        kernels.gated_delta(**arrays)

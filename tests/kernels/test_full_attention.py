from __future__ import annotations

from typing import Any

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_inputs import cuts, normal, seeds

from edgehybrid_kernels import FullCache, KernelError, Kernels, RoutedCache, set_threads

SCALE = 0.3
EVERYTHING = {"sinks": 0, "window": 10**6, "budget": 0}

# (kv heads, head_dim, value_dim)
shapes = st.tuples(
    st.integers(1, 3), st.sampled_from([1, 3, 16, 64]), st.sampled_from([1, 5, 16, 48])
)
lengths = st.sampled_from([0, 1, 5, 40])
caps = st.sampled_from([None, 0.7, 30.0])


def inputs(seed: int, shape: tuple[int, ...], tokens: int, per_kv: int = 2) -> list[Any]:
    kv_heads, head_dim, value_dim = shape
    rng = np.random.default_rng(seed)
    q = normal(rng, tokens, kv_heads * per_kv * head_dim)
    return [q, normal(rng, tokens, kv_heads * head_dim), normal(rng, tokens, kv_heads * value_dim)]


def full(shape: tuple[int, ...], capacity: int = 1) -> FullCache:
    return FullCache.alloc(shape[0], shape[1], value_dim=shape[2], capacity=capacity)


def run(kernels: Kernels, arrays: list[Any], cache: Any, softcap: float | None = None) -> Any:
    heads = arrays[0].shape[1] // cache.head_dim
    out = np.full((len(arrays[0]), heads * cache.value_dim), np.nan, np.float32)
    kernels.attention(*arrays, None, cache, out, scale=SCALE, softcap=softcap)
    return out


@given(seed=seeds, shape=shapes, tokens=lengths, per_kv=st.integers(1, 7), softcap=caps)
@settings(max_examples=60, deadline=None)
def test_a_full_cache_is_plain_causal_attention(
    kernels: Kernels,
    seed: int,
    shape: tuple[int, ...],
    tokens: int,
    per_kv: int,
    softcap: float | None,
) -> None:
    arrays = inputs(seed, shape, tokens, per_kv)
    scores = np.zeros((tokens, shape[0]))
    expected = naive.routed_attention(
        *arrays, scores, kv_heads=shape[0], scale=SCALE, softcap=softcap, **EVERYTHING
    )
    found = run(kernels, arrays, full(shape), softcap)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@given(seed=seeds, shape=shapes, tokens=lengths, window=st.integers(1, 9), softcap=caps)
@settings(max_examples=40, deadline=None)
def test_a_cache_without_sinks_and_budget_is_a_sliding_window(
    kernels: Kernels,
    seed: int,
    shape: tuple[int, ...],
    tokens: int,
    window: int,
    softcap: float | None,
) -> None:
    arrays = inputs(seed, shape, tokens)
    cache = RoutedCache.alloc(*shape[:2], 0, window, 0, value_dim=shape[2])
    limits = {"sinks": 0, "window": window, "budget": 0}
    expected = naive.routed_attention(
        *arrays, np.zeros((tokens, shape[0])), kv_heads=shape[0], scale=SCALE, softcap=softcap,
        **limits,
    )  # fmt: skip
    np.testing.assert_allclose(run(kernels, arrays, cache, softcap), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("head_dim", [64, 80, 96, 128, 192, 256])
def test_head_sizes_of_published_models(kernels: Kernels, head_dim: int) -> None:
    shape = (2, head_dim, 128)
    arrays = inputs(3, shape, 20)
    expected = naive.routed_attention(
        *arrays, np.zeros((20, 2)), kv_heads=2, scale=SCALE, **EVERYTHING
    )
    np.testing.assert_allclose(run(kernels, arrays, full(shape)), expected, rtol=1e-3, atol=1e-4)


@given(data=st.data(), seed=seeds, shape=shapes, capacity=st.integers(1, 300))
@settings(max_examples=40, deadline=None)
def test_growing_and_cutting_change_no_bit_of_the_cache(
    kernels: Kernels, data: st.DataObject, seed: int, shape: tuple[int, ...], capacity: int
) -> None:
    tokens = 200
    arrays = inputs(seed, shape, tokens, 1)
    whole, pieces = full(shape, capacity), full(shape)
    expected = run(kernels, arrays, whole)
    outs = []
    for piece in data.draw(cuts(tokens)):
        outs.append(run(kernels, [array[piece] for array in arrays], pieces))
        pieces = pieces.copy()
    if kernels.name == "numba":  # NumPy's products sum in another order where blocks begin
        np.testing.assert_array_equal(np.concatenate(outs), expected)
    np.testing.assert_allclose(np.concatenate(outs), expected, rtol=1e-4, atol=1e-5)
    for name, array in pieces.tensors().items():
        np.testing.assert_array_equal(array, whole.tensors()[name], err_msg=name)
    kept = pieces.kept
    assert (kept.position[:, :tokens] == np.arange(tokens)).all()
    assert (kept.position[:, tokens:] == -1).all()


@pytest.mark.usefixtures("spread")
def test_threads_change_no_bit(numba_kernels: Kernels) -> None:
    shape = (5, 20, 24)
    arrays = inputs(1, shape, 60)
    threaded = run(numba_kernels, arrays, full(shape), 5.0)
    set_threads(1)
    np.testing.assert_array_equal(run(numba_kernels, arrays, full(shape), 5.0), threaded)


def test_growth_is_amortised(kernels: Kernels) -> None:
    cache = full((1, 4, 4))
    arrays = inputs(0, (1, 4, 4), 1)
    sizes = set()
    for _ in range(1000):
        run(kernels, arrays, cache)
        sizes.add(cache.capacity)
        assert int(cache.seen[0]) <= cache.capacity < 1600
    assert len(sizes) < 12
    assert cache.nbytes >= 1000 * 8 * 4


def test_a_restored_cache_goes_on_as_the_saved_one(kernels: Kernels) -> None:
    shape = (2, 8, 5)
    arrays, more = inputs(0, shape, 70), inputs(1, shape, 30)
    cache, restored = full(shape), full(shape)
    run(kernels, arrays, cache)
    saved = {name: np.array(array) for name, array in cache.tensors().items()}
    assert saved["keys"].shape == (2, 70, 8)
    run(kernels, more, restored)
    restored.restore(saved)
    np.testing.assert_array_equal(run(kernels, more, restored), run(kernels, more, cache))
    restored.reset()
    assert restored.tensors()["values"].shape == (2, 0, 5)
    np.testing.assert_array_equal(run(kernels, more, restored), run(kernels, more, full(shape)))


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("keys", None, "keys is missing"),
        ("keys", np.zeros((2, 3, 5)), r"keys has shape \(2, 3, 5\), expected \(2, 3, 8\)"),
        ("values", np.zeros((2, 4, 5)), r"values has shape \(2, 4, 5\), expected \(2, 3, 5\)"),
        ("seen", np.array([-1]), "seen is -1, expected a number"),
    ],
)
def test_what_does_not_fit_is_not_restored(name: str, array: Any, message: str) -> None:
    cache = full((2, 8, 5))
    saved = {"keys": np.ones((2, 3, 8)), "values": np.ones((2, 3, 5)), "seen": np.array([3])}
    saved |= {name: array}
    saved = {name: array for name, array in saved.items() if array is not None}
    with pytest.raises(KernelError, match=message):
        cache.restore(saved)
    assert cache.seen[0] == 0


def test_what_is_not_finite_reaches_nobody_earlier(kernels: Kernels) -> None:
    for which in range(3):
        arrays = inputs(2, (2, 6, 6), 12)
        arrays[which][5, -1] = np.nan  # of the second kv head
        spoilt = np.isnan(run(kernels, arrays, full((2, 6, 6)), 2.0))
        assert not spoilt[:5].any()
        assert not spoilt[:, :12].any()
        assert spoilt[5:].any(axis=1).sum() == (1 if which == 0 else 7)


def test_missing_scores_and_wrong_caps_are_refused(kernels: Kernels) -> None:
    arrays = inputs(0, (2, 8, 8), 3)
    with pytest.raises(KernelError, match="score is None, expected scores for a budget of 4"):
        run(kernels, arrays, RoutedCache.alloc(2, 8, 1, 2, 4))
    for softcap in (0.0, -1.0, float("nan")):
        with pytest.raises(KernelError, match=r"softcap is .* expected a number above 0"):
            run(kernels, arrays, full((2, 8, 8)), softcap)
    with pytest.raises(KernelError, match="capacity is 0, expected at least 1"):
        full((2, 8, 8), 0)

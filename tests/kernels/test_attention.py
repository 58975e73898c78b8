from __future__ import annotations

from typing import Any

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_inputs import column_slices, cuts, normal, seeds

from edgehybrid_kernels import KernelError, Kernels, RoutedCache, set_threads

SCALE = 0.3


@st.composite
def caches(draw: st.DrawFn) -> tuple[int, ...]:
    """(kv heads, head_dim, sinks, window, budget)."""
    head_dim = draw(st.sampled_from([1, 3, 8, 16, 33, 64]))
    small = draw(st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(0, 6)))
    return draw(st.integers(1, 3)), head_dim, *small


lengths = st.sampled_from([0, 1, 5, 24])


def inputs(seed: int, sizes: tuple[int, ...], tokens: int, per_kv: int, ties: bool) -> list[Any]:
    kv_heads, head_dim = sizes[:2]
    rng = np.random.default_rng(seed)
    widths = (kv_heads * per_kv * head_dim, kv_heads * head_dim, kv_heads * head_dim)
    q, k, v = (normal(rng, tokens, width) for width in widths)
    score = normal(rng, tokens, kv_heads)
    return [q, k, v, np.round(score) if ties else score]


def run(kernels: Kernels, arrays: list[Any], cache: RoutedCache) -> Any:
    out = np.full(arrays[0].shape, np.nan, np.float32)
    kernels.attention(*arrays, cache, out, scale=SCALE)
    return out


def assert_same_out(kernels: Kernels, found: Any, expected: Any) -> None:
    """To the bit with Numba; NumPy's products sum in another order where blocks begin."""
    if kernels.name == "numba":
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def assert_same_cache(left: RoutedCache, right: RoutedCache) -> None:
    for name, array in left.tensors().items():
        np.testing.assert_array_equal(array, right.tensors()[name], err_msg=name)


@given(seed=seeds, sizes=caches(), tokens=lengths, per_kv=st.integers(1, 7), ties=st.booleans())
@settings(max_examples=80, deadline=None)
def test_heap_equals_the_cumulative_mask_of_training(
    kernels: Kernels, seed: int, sizes: tuple[int, ...], tokens: int, per_kv: int, ties: bool
) -> None:
    kv_heads, _, sinks, window, budget = sizes
    arrays = inputs(seed, sizes, tokens, per_kv, ties)
    cache = RoutedCache.alloc(*sizes)
    limits = {"sinks": sinks, "window": window, "budget": budget}
    expected = naive.routed_attention(*arrays, kv_heads=kv_heads, scale=SCALE, **limits)
    np.testing.assert_allclose(run(kernels, arrays, cache), expected, rtol=1e-4, atol=1e-5)
    first_routed = sinks + window
    for head in range(kv_heads):
        kept = cache.position[head, first_routed : first_routed + cache.n_routed[head]]
        mask = naive.routed_tokens(arrays[3][:, head], tokens - 1, **limits)
        assert sorted(kept) == sorted(mask)


@given(data=st.data(), seed=seeds, sizes=caches(), tokens=lengths, per_kv=st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_cutting_the_sequence_changes_no_bit_of_the_cache(
    kernels: Kernels,
    data: st.DataObject,
    seed: int,
    sizes: tuple[int, ...],
    tokens: int,
    per_kv: int,
) -> None:
    arrays = inputs(seed, sizes, tokens, per_kv, ties=True)
    whole, pieces = RoutedCache.alloc(*sizes), RoutedCache.alloc(*sizes)
    expected = run(kernels, arrays, whole)
    outs = []
    for piece in data.draw(cuts(tokens)):
        outs.append(run(kernels, [array[piece] for array in arrays], pieces))
        pieces = pieces.copy()
    assert_same_out(kernels, np.concatenate(outs), expected)
    assert_same_cache(pieces, whole)


@given(seed=seeds, sizes=caches())
@settings(max_examples=30, deadline=None)
def test_backends_keep_the_same_tokens_in_the_same_slots(
    numba_kernels: Kernels, numpy_kernels: Kernels, seed: int, sizes: tuple[int, ...]
) -> None:
    arrays = inputs(seed, sizes, 30, 2, ties=True)
    compiled, plain = RoutedCache.alloc(*sizes), RoutedCache.alloc(*sizes)
    np.testing.assert_allclose(
        run(numba_kernels, arrays, compiled), run(numpy_kernels, arrays, plain), atol=1e-5
    )
    np.testing.assert_allclose(compiled.bias, plain.bias, rtol=1e-6)
    plain.bias[...] = compiled.bias
    assert_same_cache(compiled, plain)


@given(
    data=st.data(),
    seed=seeds,
    sizes=st.tuples(
        st.integers(1, 2), st.just(8), st.integers(0, 5), st.integers(1, 70), st.integers(0, 60)
    ),
    tokens=st.integers(1, 200),
    ties=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_blocks_keep_and_answer_as_one_by_one(
    numpy_kernels: Kernels,
    data: st.DataObject,
    seed: int,
    sizes: tuple[int, ...],
    tokens: int,
    ties: bool,
) -> None:
    """Windows shorter and longer than a block, and tokens admitted and evicted within one."""
    arrays = inputs(seed, sizes, tokens, 2, ties)
    blocks, single = RoutedCache.alloc(*sizes), RoutedCache.alloc(*sizes)
    found = [
        run(numpy_kernels, [a[piece] for a in arrays], blocks) for piece in data.draw(cuts(tokens))
    ]
    one_by_one = [run(numpy_kernels, [a[t : t + 1] for a in arrays], single) for t in range(tokens)]
    np.testing.assert_allclose(
        np.concatenate(found), np.concatenate(one_by_one), rtol=1e-4, atol=1e-5
    )
    assert_same_cache(blocks, single)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("which", [1, 2])
def test_a_block_with_a_number_that_is_not_finite_is_answered_one_by_one(
    numpy_kernels: Kernels, which: int, value: float
) -> None:
    sizes = (2, 8, 2, 9, 5)
    arrays = inputs(4, sizes, 150, 2, ties=False)
    arrays[which][100, 3] = value
    blocks, single = RoutedCache.alloc(*sizes), RoutedCache.alloc(*sizes)
    found = run(numpy_kernels, arrays, blocks)
    one_by_one = [run(numpy_kernels, [a[t : t + 1] for a in arrays], single) for t in range(150)]
    expected = np.concatenate(one_by_one)
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
    assert np.isfinite(found[:100]).all()
    assert not np.isfinite(found[100]).all()
    assert_same_cache(blocks, single)


@given(seed=seeds, sizes=caches())
@settings(max_examples=20, deadline=None)
def test_columns_of_a_read_only_matrix_and_writing_in_place(
    kernels: Kernels, seed: int, sizes: tuple[int, ...]
) -> None:
    arrays = inputs(seed, sizes, 13, 3, ties=False)
    expected = run(kernels, arrays, RoutedCache.alloc(*sizes))
    found = run(kernels, column_slices(*arrays), RoutedCache.alloc(*sizes))
    np.testing.assert_array_equal(found, expected)
    q = arrays[0].copy()
    kernels.attention(q, *arrays[1:], RoutedCache.alloc(*sizes), q, scale=SCALE)
    np.testing.assert_array_equal(q, expected)


@pytest.mark.usefixtures("spread")
def test_threads_change_no_bit(numba_kernels: Kernels) -> None:
    sizes = (5, 20, 2, 8, 16)
    arrays = inputs(1, sizes, 60, 2, ties=False)
    threaded, alone = RoutedCache.alloc(*sizes), RoutedCache.alloc(*sizes)
    out = run(numba_kernels, arrays, threaded)
    set_threads(1)
    np.testing.assert_array_equal(run(numba_kernels, arrays, alone), out)
    assert_same_cache(threaded, alone)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("which", [0, 1, 2, 3])
def test_what_is_not_finite_reaches_only_those_who_see_it(
    kernels: Kernels, which: int, value: float
) -> None:
    sizes = (2, 6, 0, 4, 0)  # a window of 4 and nothing else: seen by four queries
    arrays = inputs(2, sizes, 12, 2, ties=False)
    arrays[which][5, -1] = value  # of the second kv head
    out = run(kernels, arrays, RoutedCache.alloc(*sizes))
    spoilt = ~np.isfinite(out)
    until = {0: 6, 1: 9, 2: 9, 3: 5}[which]
    assert not spoilt[:5].any()
    assert not spoilt[until:].any()
    assert not spoilt[:, :12].any()
    assert spoilt[5].any() == (which != 3)


@given(seed=seeds, sizes=caches())
@settings(max_examples=20, deadline=None)
def test_scores_that_are_not_finite_never_break_the_heap(
    kernels: Kernels, seed: int, sizes: tuple[int, ...]
) -> None:
    arrays = inputs(seed, sizes, 40, 1, ties=True)
    arrays[3] = np.where(arrays[3] > 1, np.nan, np.where(arrays[3] < -1, np.inf, arrays[3]))
    cache = RoutedCache.alloc(*sizes)
    run(kernels, arrays, cache)
    for head in range(sizes[0]):
        slots = cache.heap[head, : cache.n_routed[head]]
        assert sorted(slots) == list(range(sizes[2] + sizes[3], cache.slots))[: len(slots)]


def test_memory_does_not_grow(kernels: Kernels) -> None:
    cache = RoutedCache.alloc(2, 8, 4, 8, 16)
    before, places = cache.nbytes, [array.ctypes.data for array in cache.tensors().values()]
    for seed in range(5):
        run(kernels, inputs(seed, (2, 8), 50, 1, ties=False), cache)
    assert cache.nbytes == before
    assert [array.ctypes.data for array in cache.tensors().values()] == places
    assert cache.seen[0] == 250


def test_a_cache_that_was_reset_or_restored_is_as_good_as_new(kernels: Kernels) -> None:
    sizes = (2, 8, 1, 3, 4)
    arrays = inputs(0, sizes, 20, 1, ties=False)
    cache = RoutedCache.alloc(*sizes)
    expected = run(kernels, arrays, cache)
    restored = RoutedCache.alloc(*sizes)
    for name, array in restored.tensors().items():
        array[...] = np.array(cache.tensors()[name])
    np.testing.assert_array_equal(run(kernels, arrays, restored), run(kernels, arrays, cache))
    cache.reset()
    assert_same_cache(cache, RoutedCache.alloc(*sizes))
    np.testing.assert_array_equal(run(kernels, arrays, cache), expected)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((0, 8, 1, 1, 1), "n_kv_heads is 0, expected at least 1"),
        ((1, 0, 1, 1, 1), "head_dim is 0, expected at least 1"),
        ((1, 8, -1, 1, 1), "sinks is -1, expected at least 0"),
        ((1, 8, 1, 0, 1), "window is 0, expected at least 1"),
        ((1, 8, 1, 1, -1), "budget is -1, expected at least 0"),
    ],
)
def test_impossible_caches_are_refused(sizes: tuple[int, ...], message: str) -> None:
    with pytest.raises(KernelError, match=message):
        RoutedCache.alloc(*sizes)


@pytest.mark.parametrize(
    ("index", "shape", "message"),
    [
        (0, (3, 17), r"q has 17 columns, expected Hq \* 8 where 2 kv heads divide Hq"),
        (0, (3, 24), r"q has 24 columns"),
        (1, (3, 8), r"k has shape \(3, 8\), expected \(3, 16\)"),
        (2, (4, 16), r"v has shape \(4, 16\), expected \(3, 16\)"),
        (3, (3, 1), r"score has shape \(3, 1\), expected \(3, 2\)"),
    ],
)
def test_wrong_shapes_are_refused(
    kernels: Kernels, index: int, shape: tuple[int, int], message: str
) -> None:
    sizes = (2, 8, 1, 2, 3)
    arrays = inputs(0, sizes, 3, 2, ties=False)
    arrays[index] = np.zeros(shape, np.float32)
    cache = RoutedCache.alloc(*sizes)
    with pytest.raises(KernelError, match=message):
        run(kernels, arrays, cache)
    assert_same_cache(cache, RoutedCache.alloc(*sizes))

"""What every policy of the registry has in common, on both backends, and what each keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_inputs import cuts, normal, seeds

from edgehybrid.runtime import routers
from edgehybrid_kernels import KernelError, Kernels, RoutedCache
from edgehybrid_kernels.routing import place_of

SCALE = 0.4
TOKENS = 40
policies = st.sampled_from(routers.NAMES)


class Case(NamedTuple):
    """A policy, sizes and inputs."""

    name: str
    sizes: tuple[int, int, int, int]  # Hk, Dh, sinks, window
    budget: int | tuple[int, ...]
    arrays: tuple[Any, ...]  # q, k, v, score
    weights: Any

    @property
    def budgets(self) -> Sequence[int]:
        return (self.budget,) * self.sizes[0] if isinstance(self.budget, int) else self.budget

    def alloc(self) -> RoutedCache:
        weights = self.weights if self.name == "fitted" else None
        return routers.get(self.name).alloc(*self.sizes, self.budget, weights=weights)


@st.composite
def cases(draw: st.DrawFn, names: st.SearchStrategy[str] = policies) -> Case:
    """Without positions, or with keys and queries rotated; budgets of all heads or of each."""
    name, rng = draw(names), np.random.default_rng(draw(seeds))
    kv_heads, head_dim = draw(st.integers(1, 3)), draw(st.sampled_from([2, 8, 20]))
    per_kv, tokens = draw(st.integers(1, 5)), draw(st.sampled_from([1, 9, TOKENS]))
    sinks, window = draw(st.integers(0, 3)), draw(st.integers(1, 6))
    each = st.lists(st.integers(0, 7), min_size=kv_heads, max_size=kv_heads)
    budget = draw(st.integers(0, 7) if name == "window" else st.integers(0, 7) | each.map(tuple))
    q = normal(rng, tokens, kv_heads * per_kv * head_dim)
    k, v = (normal(rng, tokens, kv_heads * head_dim) for _ in range(2))
    if draw(st.booleans()):
        q, k = (_rotated(x, head_dim) for x in (q, k))
    weights = normal(rng, kv_heads, 2 * head_dim)
    arrays = (q, k, v, normal(rng, tokens, kv_heads))
    return Case(name, (kv_heads, head_dim, sinks, window), budget, arrays, weights)


def _rotated(x: Any, head_dim: int) -> Any:
    """Rotary positions, by the halves of each head."""
    half, positions = head_dim // 2, np.arange(len(x), dtype=np.float32)
    turn = positions[:, None, None] / 10000.0 ** (np.arange(half) / half)
    heads = x.reshape(len(x), -1, 2, half)
    low, high, cos, sin = heads[:, :, 0], heads[:, :, 1], np.cos(turn), np.sin(turn)
    turned = np.stack([low * cos - high * sin, high * cos + low * sin], axis=2)
    return turned.reshape(x.shape).astype(np.float32)


def run(kernels: Kernels, case: Case, cache: RoutedCache, part: slice = slice(None)) -> Any:
    q, k, v, score = (array[part] for array in case.arrays)
    out = np.full(q.shape, np.nan, np.float32)
    given = score if case.name == "learned" else None
    kernels.attention(q, k, v, given, cache, out, scale=SCALE)
    return out


def assert_same(left: RoutedCache, right: RoutedCache) -> None:
    for name, array in left.tensors().items():
        np.testing.assert_array_equal(array, right.tensors()[name], err_msg=name)


def routed(cache: RoutedCache, case: Case, head: int) -> set[int]:
    """Positions kept beyond sinks and window."""
    _, _, sinks, window = case.sizes
    recent = int(cache.seen[0]) - window
    return {p for p in cache.position[head].tolist() if sinks <= p < recent and p >= 0}


@given(case=cases())
@settings(max_examples=120, deadline=None)
def test_sinks_window_and_budget_are_what_is_kept(kernels: Kernels, case: Case) -> None:
    cache = case.alloc()
    before, places = cache.nbytes, [a.ctypes.data for a in cache.tensors().values()]
    run(kernels, case, cache)
    _, _, sinks, window = case.sizes
    seen = len(case.arrays[0])
    always = {*range(min(sinks, seen)), *range(max(seen - window, 0), seen)}
    for head, budget in enumerate(case.budgets):
        kept = cache.position[head][cache.position[head] >= 0].tolist()
        assert always <= {*kept}
        assert len(kept) == len({*kept}) == min(seen, len(always) + budget)
        assert np.isfinite(cache.bias[head]).sum() == len(kept)
    assert cache.nbytes == before
    assert places == [a.ctypes.data for a in cache.tensors().values()]


@given(case=cases(), data=st.data())
@settings(max_examples=120, deadline=None)
def test_cuts_copies_and_restores_change_no_bit_of_what_is_kept(
    kernels: Kernels, case: Case, data: st.DataObject
) -> None:
    whole, pieces = case.alloc(), case.alloc()
    expected = run(kernels, case, whole)
    outs = []
    for part in data.draw(cuts(len(case.arrays[0]))):
        outs.append(run(kernels, case, pieces, part))
        way = data.draw(st.sampled_from(["go on", "copy", "restore", "try"]))
        if way == "copy":
            pieces = pieces.copy()
        elif way == "restore":
            twin = case.alloc()
            twin.restore(pieces.tensors())
            pieces = twin
        elif way == "try":
            run(kernels, case, pieces.copy())
    if kernels.name == "numba":  # NumPy's products sum in another order where blocks begin
        np.testing.assert_array_equal(np.concatenate(outs), expected)
    np.testing.assert_allclose(np.concatenate(outs), expected, rtol=1e-4, atol=1e-5)
    assert_same(pieces, whole)
    whole.reset()
    assert_same(whole, case.alloc())


@given(case=cases())
@settings(max_examples=80, deadline=None)
def test_backends_keep_the_same_tokens(
    numba_kernels: Kernels, numpy_kernels: Kernels, case: Case
) -> None:
    compiled, plain = case.alloc(), case.alloc()
    out, other = run(numba_kernels, case, compiled), run(numpy_kernels, case, plain)
    np.testing.assert_array_equal(compiled.position, plain.position)
    np.testing.assert_array_equal(compiled.heap, plain.heap)
    np.testing.assert_allclose(compiled.score, plain.score, rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(compiled.stats, plain.stats, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(out, other, atol=1e-5)


@given(case=cases(st.sampled_from([n for n in routers.NAMES if n not in ("learned", "window")])))
@settings(max_examples=80, deadline=None)
def test_each_policy_keeps_what_its_formula_says(kernels: Kernels, case: Case) -> None:
    cache = case.alloc()
    run(kernels, case, cache)
    kv_heads, head_dim, sinks, window = case.sizes
    limits = {"sinks": sinks, "window": window, "scale": SCALE}
    q, k, v, _ = (array.reshape(len(array), kv_heads, -1) for array in case.arrays)
    for head, budget in enumerate(case.budgets):
        expected = naive.kept_by(
            case.name,
            q[:, head].reshape(len(q), -1, head_dim),
            *(k[:, head], v[:, head]),
            **limits,
            budget=budget,
            head=head,
            weights=case.weights[head],
        )
        assert routed(cache, case, head) == expected


@given(case=cases(st.sampled_from([n for n in routers.NAMES if n != "learned"])))
@settings(max_examples=40, deadline=None)
def test_what_is_kept_is_attended_to_as_it_is(kernels: Kernels, case: Case) -> None:
    """No bias: with room for all, a policy computes plain attention."""
    kv_heads, _, sinks, window = case.sizes
    cache = case._replace(budget=TOKENS).alloc()
    q, k, v, score = case.arrays
    limits = {"sinks": sinks, "window": window + TOKENS, "budget": 0}
    expected = naive.routed_attention(q, k, v, score, kv_heads=kv_heads, scale=SCALE, **limits)
    np.testing.assert_allclose(run(kernels, case, cache), expected, rtol=1e-4, atol=1e-5)


@given(case=cases())
@settings(max_examples=40, deadline=None)
def test_numbers_that_are_not_finite_break_no_books(kernels: Kernels, case: Case) -> None:
    for array in case.arrays:
        array[array > 1.5] = np.nan
        array[array < -1.5] = np.inf
    cache = case.alloc()
    run(kernels, case, cache)
    first = cache.sinks + cache.window
    for head, budget in enumerate(cache.budgets):
        slots = sorted(cache.heap[head, : cache.n_routed[head]])
        assert slots == list(range(first, first + cache.n_routed[head]))
        assert len(slots) <= budget


def test_zeros_are_scored(kernels: Kernels) -> None:
    """Norms of 0, spans of 0: no division by them, and equal scores keep the earlier tokens."""
    for name in routers.NAMES:
        weights = np.ones((1, 8), np.float32) if name == "fitted" else None
        cache = routers.get(name).alloc(1, 4, 1, 3, 5, weights=weights)
        zeros = np.zeros((20, 4), np.float32)
        kernels.attention(zeros, zeros, zeros, zeros[:, :1], cache, zeros.copy(), scale=1.0)
        kept = sorted(cache.position[0].tolist())
        if name not in ("window", "random", "h2o"):
            assert kept == [0, 1, 2, 3, 4, 5, 17, 18, 19], name


def test_random_is_even() -> None:
    drawn = np.array([[place_of(p, head) for p in range(4000)] for head in range(3)])
    assert ((drawn >= 0) & (drawn < 1)).all()
    np.testing.assert_allclose(np.histogram(drawn, 10, (0, 1))[0], 1200, rtol=0.1)
    assert (abs(np.corrcoef(drawn) - np.eye(3)) < 0.05).all()
    assert place_of(1 << 59, 0) != place_of(1 << 58, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budget": (1, 2, 3)}, "budget has 3 numbers, expected 2"),
        ({"budget": (1, -1)}, "budget is -1"),
        ({"policy": "best"}, "policy is 'best', expected one of learned, fitted"),
        ({"policy": "fitted"}, "expected weights with 'fitted'"),
        ({"weights": np.zeros((2, 16), np.float32)}, "expected weights with 'fitted'"),
        (
            {"policy": "fitted", "weights": np.zeros((2, 15), np.float32)},
            r"weights has shape \(2, 15\), expected \(2, 16\)",
        ),
    ],
)
def test_impossible_caches_are_refused(change: dict[str, Any], message: str) -> None:
    fields = {"n_kv_heads": 2, "head_dim": 8, "sinks": 1, "window": 2, "budget": 3, **change}
    with pytest.raises(KernelError, match=message):
        RoutedCache.alloc(**fields)


def test_a_window_is_one_for_all_heads() -> None:
    with pytest.raises(KernelError, match="a window is one for all kv heads"):
        routers.get("window").alloc(2, 8, 1, 2, (3, 4))
    with pytest.raises(KernelError, match="a window has none"):
        routers.get("window").alloc(2, 8, 1, 2, 3, weights=np.zeros((2, 16), np.float32))


def test_only_learned_scores_are_needed(kernels: Kernels) -> None:
    zeros = np.zeros((3, 4), np.float32)
    cache = routers.get("learned").alloc(1, 4, 1, 1, 1)
    with pytest.raises(KernelError, match="score is None"):
        kernels.attention(zeros, zeros, zeros, None, cache, zeros.copy(), scale=1.0)


def test_restored_books_are_those_of_each_head(kernels: Kernels) -> None:
    cache = routers.get("keydiff").alloc(2, 4, 1, 2, (3, 1))
    ones = np.ones((9, 8), np.float32)
    kernels.attention(ones, ones, ones, None, cache, ones.copy(), scale=1.0)
    for name, value, message in (("n_routed", 2, "n_routed is 2"), ("stats", np.nan, "stats")):
        tensors = {key: array.copy() for key, array in cache.tensors().items()}
        tensors[name][1] = value
        with pytest.raises(KernelError, match=message):
            cache.copy().restore(tensors)

"""A stream: any chunking, any number of threads, constant memory, honest about what breaks it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import edgehybrid
from edgehybrid.errors import NonFiniteError, RequestError, StreamError

TOKENS = 700


@pytest.fixture(scope="module", params=["float32", "int8", "int4"])
def model(request: pytest.FixtureRequest, bundles: dict[str, Path]) -> edgehybrid.Model:
    return edgehybrid.load(bundles[request.param], threads=2)


@pytest.fixture(scope="module")
def ids() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 260, TOKENS)


def test_a_chunk_may_fill_all_rows(
    bundles: dict[str, Path], ids: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With eight lanes, those of AVX2 and NEON, 256 tokens leave no row over as with sixteen."""
    wanted = edgehybrid.load(bundles["int8"], threads=1).stream().feed(ids)
    monkeypatch.setattr("edgehybrid.runtime.model.CHUNK", 48)  # a multiple of both tiles' rows
    got = edgehybrid.load(bundles["int8"], threads=1).stream().feed(ids)
    np.testing.assert_allclose(got, wanted, atol=2e-3)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.lists(st.integers(0, TOKENS), max_size=6))
def test_chunked_is_whole(model: edgehybrid.Model, ids: np.ndarray, cuts: list[int]) -> None:
    whole = model.stream()
    wanted = whole.feed(ids)
    stream = model.stream()
    edges = [0, *sorted(cuts), TOKENS]
    got = np.concatenate([stream.feed(ids[a:b]) for a, b in pairwise(edges)])
    np.testing.assert_allclose(got, wanted, atol=2e-3)
    assert stream.position == whole.position == TOKENS


def test_one_by_one_is_whole(model: edgehybrid.Model, ids: np.ndarray) -> None:
    wanted = model.stream().feed(ids[:150])
    stream = model.stream()
    got = np.concatenate([stream.feed(ids[i : i + 1]) for i in range(150)])
    np.testing.assert_allclose(got, wanted, atol=2e-3)


def test_threads_change_nothing(bundles: dict[str, Path], ids: np.ndarray) -> None:
    one, many = (edgehybrid.load(bundles["int8"], threads=n).stream() for n in (1, 4))
    np.testing.assert_array_equal(one.feed(ids), many.feed(ids))


def test_a_vector_for_each_end_token(model: edgehybrid.Model, ids: np.ndarray) -> None:
    vectors = model.stream().feed(ids)
    assert len(vectors) == np.isin(ids, model.head.end_tokens).sum()
    length = np.linalg.norm(vectors[:, : model.head.vector_size], axis=1)
    np.testing.assert_allclose(length, 1, atol=1e-4)


def test_memory_is_constant(model: edgehybrid.Model, ids: np.ndarray) -> None:
    stream = model.stream(budget=5)
    before = stream.nbytes
    for _ in range(5):
        stream.feed(ids)
    assert stream.nbytes == before
    assert stream.kv_tokens == 2 + 8 + 5  # sinks, window, budget


def test_budget_decides_the_memory(model: edgehybrid.Model) -> None:
    assert model.stream(budget=0).nbytes < model.stream(budget=64).nbytes
    with pytest.raises(RequestError, match="budget -1"):
        model.stream(budget=-1)


def test_reset_is_a_new_stream(model: edgehybrid.Model, ids: np.ndarray) -> None:
    stream = model.stream()
    first = stream.feed(ids)
    stream.reset()
    np.testing.assert_array_equal(stream.feed(ids), first)


def test_streams_of_one_model_do_not_mix(model: edgehybrid.Model, ids: np.ndarray) -> None:
    wanted = model.stream().feed(ids)
    a, b = model.stream(), model.stream()
    parts = []
    for i in range(0, TOKENS, 100):
        parts.append(a.feed(ids[i : i + 100]))
        b.feed(ids[::-1][i : i + 100])
    np.testing.assert_allclose(np.concatenate(parts), wanted, atol=2e-3)


@pytest.mark.parametrize("bad", [[-1], [300], [[1, 2]], [0.5]])
def test_bad_ids_are_refused_and_change_nothing(model: edgehybrid.Model, bad: list) -> None:
    stream = model.stream()
    with pytest.raises(RequestError):
        stream.feed(bad)
    assert stream.position == 0
    assert len(stream.feed([])) == 0


def test_nan_is_reported_not_spread(bundles: dict[str, Path], ids: np.ndarray) -> None:
    model = edgehybrid.load(bundles["float32"], threads=2)
    stream = model.stream()
    stream.caches[0].tensors()["recurrent"][:] = np.nan
    with pytest.raises(NonFiniteError, match="NaN or infinity"):
        stream.feed(ids)
    with pytest.raises(StreamError, match="reset"):
        stream.feed(ids)
    stream.reset()
    np.testing.assert_array_equal(stream.feed(ids), model.stream().feed(ids))

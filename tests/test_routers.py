"""Streams by every policy: on both routes, with and without positions, broken off anywhere."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import edgehybrid
from edgehybrid.bundle import open_bundle
from edgehybrid.errors import RequestError, StateError, StateOfAnotherBundle
from edgehybrid.runtime import budgets, routers
from edgehybrid.runtime import model as model_module
from edgehybrid.runtime.mixers import attention_of
from edgehybrid.runtime.routers import fitted, regions
from edgehybrid.runtime.saving import describe
from edgehybrid.runtime.state import CacheGroup, RoutedCache
from edgehybrid.runtime.stream import Stream

IDS = np.random.default_rng(5).integers(0, 299, 110)
BACKENDS: tuple[Any, Any] = ("auto", "numpy")
#: A model with a router of its own, one without positions, one with rotary ones beside Mamba-2.
READER, NOPE, ROTARY = "reader", "granitemoehybrid", "falcon_h1"


def with_probe(bundle: Path, folder: Path) -> Path:
    """A copy of a bundle, with a random probe fitted to it."""
    copy = Path(shutil.copytree(bundle, folder / "bundle"))
    refit(copy, 0)
    return copy


def refit(bundle: Path, seed: int) -> None:
    opened, rng = open_bundle(bundle), np.random.default_rng(seed)
    shapes = fitted.shapes(edgehybrid.load(bundle, threads=1).mixers)
    weights = {i: rng.standard_normal(shape).astype(np.float32) for i, shape in shapes.items()}
    fitted.write(opened, weights, {"seed": seed})


@pytest.fixture(scope="module")
def folders(
    bundles: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    made = {READER: with_probe(bundles["int8"], tmp_path_factory.mktemp(READER))}

    def folder(name: str) -> Path:
        if name not in made:
            pytest.importorskip("torch", reason="checkpoints are made by PyTorch")
            families = pytest.importorskip("families", reason="they are made by transformers")
            from edgehybrid_export import export

            place = tmp_path_factory.mktemp(name)
            checkpoint = families.random_model(name, eos_token_id=None)
            export(families.save(checkpoint, place / "source"), place / "made", weights="int8")
            made[name] = with_probe(place / "made", place)
        return made[name]

    return folder


@pytest.fixture(scope="module", params=[f"{m} {r}" for m in (READER, NOPE) for r in ("k", "g")])
def model(request: pytest.FixtureRequest, folders: Callable[[str], Path]) -> edgehybrid.Model:
    """By kernels alone, where this machine does, and with graphs."""
    name, _, route = request.param.partition(" ")
    with pytest.MonkeyPatch.context() as patch:
        if route == "g":
            patch.setattr(model_module, "multiplies_bytes_fast", lambda: False)
        return edgehybrid.load(folders(name), threads=2)


@pytest.fixture(scope="module")
def reader(folders: Callable[[str], Path]) -> edgehybrid.Model:
    return edgehybrid.load(folders(READER), threads=2)


@pytest.fixture(scope="module")
def nope(folders: Callable[[str], Path]) -> edgehybrid.Model:
    return edgehybrid.load(folders(NOPE), threads=2)


@pytest.fixture(scope="module")
def rotary(folders: Callable[[str], Path]) -> edgehybrid.Model:
    return edgehybrid.load(folders(ROTARY), threads=2)


def names_for(model: edgehybrid.Model) -> list[str]:
    """All policies that a model can be read with."""
    learned = any(a is not None and a.routes for a in map(attention_of, model.mixers))
    return [name for name in routers.NAMES if learned or name != "learned"]


def kept(stream: Stream) -> Iterator[RoutedCache]:
    for cache in stream.caches:
        parts = cache.parts if isinstance(cache, CacheGroup) else [cache]
        yield from (part for part in parts if isinstance(part, RoutedCache))


def assert_same(stream: Stream, other: Stream, *, but: str = "") -> None:
    assert stream.position == other.position
    assert stream.kind == other.kind
    for name in stream.tensors().keys() - {but}:
        np.testing.assert_array_equal(stream.tensors()[name], other.tensors()[name], err_msg=name)


def check_breaks(model: edgehybrid.Model, place: Path, data: st.DataObject) -> None:
    """A stream that is cut, saved, forked and taken back keeps what an unbroken one does."""
    asked: dict[str, Any] = {"router": data.draw(st.sampled_from(names_for(model)))}
    layer, heads = next(iter(fitted.shapes(model.mixers).items()))
    each = [st.integers(0, 40)]
    if asked["router"] != "window":
        each += [st.tuples(*[st.integers(0, 40)] * heads[0])]
    asked["budget"] = data.draw(
        st.integers(0, 40) | st.fixed_dictionaries({layer: st.one_of(each)})
    )
    inner = data.draw(st.lists(st.integers(1, len(IDS) - 1), max_size=4, unique=True))
    edges = [0, *sorted(inner), len(IDS)]
    stream, whole = model.stream(**asked), model.stream(**asked)
    before = sum(cache.nbytes for cache in kept(stream))
    for a, b in pairwise(edges):
        stream.feed(IDS[a:b])
        way = data.draw(st.sampled_from(["go on", "save", "fork", "rewind"]))
        if way == "save":
            stream.save(place / "state")
            stream = model.resume(place / "state")
        elif way == "fork":
            old, stream = stream, stream.fork()
            old.feed(IDS[:7])
        elif way == "rewind":
            at = stream.checkpoint()
            stream.feed(IDS[:9])
            stream.rewind(at)
            stream.forget_checkpoints()
    for a, b in pairwise(edges if model.engine is None else [0, len(IDS)]):
        whole.feed(IDS[a:b])  # graphs round otherwise where tokens are cut
    assert_same(stream, whole, but="pool.total")  # sentences are summed chunk by chunk
    assert sum(cache.nbytes for cache in kept(stream)) == before
    for cache in kept(stream):
        first, last = range(cache.sinks), range(len(IDS) - cache.window, len(IDS))
        for positions, budget in zip(cache.position, cache.budgets, strict=True):
            there = {p for p in positions.tolist() if p >= 0}
            assert there >= {*first, *last}
            assert len(there) == min(cache.sinks + cache.window + budget, len(IDS))


@settings(max_examples=14, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_breaks_change_no_bit(model: edgehybrid.Model, tmp_path: Path, data: st.DataObject) -> None:
    check_breaks(model, tmp_path, data)


@settings(max_examples=14, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_breaks_change_no_bit_with_rotary_positions(
    rotary: edgehybrid.Model, tmp_path: Path, data: st.DataObject
) -> None:
    check_breaks(rotary, tmp_path, data)


@pytest.mark.parametrize("name", routers.NAMES)
def test_kernels_and_numpy_keep_the_same(
    bundles: dict[str, Path], name: str, tmp_path: Path
) -> None:
    folder = with_probe(bundles["float32"], tmp_path)
    streams = [edgehybrid.load(folder, threads=1, kernels=k).stream(router=name) for k in BACKENDS]
    for stream in streams:
        stream.feed(IDS)
    one, other = (next(kept(stream)) for stream in streams)
    np.testing.assert_array_equal(one.position, other.position)


@pytest.mark.parametrize("name", ["h2o", "tova", "expected"])
def test_tokens_that_were_tried_leave_nothing_behind(nope: edgehybrid.Model, name: str) -> None:
    """Guesses are tried and taken back: the sums of policies too."""

    def write(*, lookup: bool) -> tuple[str, Stream]:
        stream = nope.stream(budget=24, router=name)
        stream.feed(np.tile(IDS[:30], 3))
        return "".join(stream.generate(50, lookup=lookup)), stream

    (text, stream), (plain, other) = write(lookup=True), write(lookup=False)
    assert text == plain
    assert_same(stream, other)


def test_defaults_are_named(reader: edgehybrid.Model, nope: edgehybrid.Model) -> None:
    assert reader.stream().kind.router == "learned"
    assert nope.stream(budget=20).kind.router == "window"
    assert nope.stream().kind.router is None
    for model, name in ((reader, "learned"), (nope, "window")):
        one, other = model.stream(budget=20), model.stream(budget=20, router=name)
        for stream in (one, other):
            stream.feed(IDS)
        assert_same(one, other)


def test_every_policy_keeps_as_many(reader: edgehybrid.Model, nope: edgehybrid.Model) -> None:
    for model, count in ((reader, 2 + 8 + 20), (nope, 20)):
        for name in names_for(model):
            stream = model.stream(budget=20, router=name)
            stream.feed(IDS)
            assert stream.kv_tokens == count, name


def test_budgets_by_layer_and_head(nope: edgehybrid.Model) -> None:
    stream = nope.stream(budget={1: (32, 16)}, router="keydiff")
    assert stream.kind.budget == "1:32/16"
    stream.feed(IDS)
    cache = next(kept(stream))
    assert (cache.position >= 0).sum(axis=1).tolist() == [32, 16]
    assert nope.stream(budget={1: 32}).nbytes < nope.stream(budget={1: 64}).nbytes
    one, other = nope.stream(budget={1: 32}), nope.stream(budget=32)
    assert one.feed(IDS).tolist() == other.feed(IDS).tolist()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"budget": {0: 8}}, r"layer 0, which has no attention; layers that have: 1$"),
        ({"budget": {7: 8}}, "layer 7, which has no attention"),
        ({"budget": {1: (8, 8, 8)}}, "layer 1 has 3 numbers, but the layer has 2 KV heads"),
        ({"budget": {1: (8, 4)}}, "router 'window' has one window for all"),
        ({"budget": {1: -1}}, "budget -1 is not in 0..1048576 tokens"),
        ({"budget": {1: (8, 1 << 21)}}, "budget 2097152 is not in"),
        ({"budget": {}}, "empty mapping"),
        ({"budget": {"1": 8}}, "layer '1', expected whole numbers"),
        ({"budget": 8.5}, r"budget 8\.5 is not in"),
        ({"router": "best"}, "router 'best' is not one of learned, fitted, window"),
        ({"router": "learned", "budget": 8}, "was not trained with one; choose another"),
        ({"router": "h2o"}, "router 'h2o' needs a budget: without one .* keeps every token"),
    ],
)
def test_what_cannot_be_kept_is_refused(
    nope: edgehybrid.Model, asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError, match=message) as error:
        nope.stream(**asked)
    assert "\n" not in str(error.value)


def test_without_attention_nothing_is_routed(bundles: dict[str, Path]) -> None:
    from edgehybrid.runtime.routing import route

    mixers = [m for m in edgehybrid.load(bundles["int8"], threads=1).mixers if not attention_of(m)]
    bundle = open_bundle(bundles["int8"])
    assert route(bundle, mixers, 20, None).router is None
    with pytest.raises(RequestError, match=r"router 'tova': .* has no attention that could route"):
        route(bundle, mixers, 20, "tova")


def test_a_state_names_its_router(
    folders: Callable[[str], Path], bundles: dict[str, Path], tmp_path: Path
) -> None:
    folder = with_probe(bundles["int8"], tmp_path)
    model = edgehybrid.load(folder, threads=1)
    stream = model.stream(router="fitted", budget={1: (6, 3)})
    stream.feed(IDS)
    stream.save(tmp_path / "state")
    said = describe(tmp_path / "state")["kind"]
    assert (said["router"], said["budget"]) == ("fitted", "1:6/3")
    refit(folder, 1)
    with pytest.raises(StateOfAnotherBundle, match="was read with another fitted router"):
        model.resume(tmp_path / "state")
    assert model.stream(router="fitted").kind != model.stream(router="learned").kind
    refit(folder, 0)
    assert_same(model.resume(tmp_path / "state"), stream)
    fitted.place(model.bundle).unlink()
    with pytest.raises(StateOfAnotherBundle, match="there is no router"):
        model.resume(tmp_path / "state")


def test_states_of_before_are_refused(
    reader: edgehybrid.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("edgehybrid.runtime.saving.FORMAT", 1)
        reader.stream().save(tmp_path / "state")
    with pytest.raises(StateError, match="has format 1, this version reads 2"):
        reader.resume(tmp_path / "state")


layers = st.integers(0, 9999)
tokens = st.integers(0, budgets.MAX_BUDGET)
by_head = st.lists(tokens, min_size=2, max_size=4).map(tuple)


@given(budget=tokens | st.dictionaries(layers, tokens | by_head, min_size=1))
def test_budgets_are_read_as_they_are_shown(budget: Any) -> None:
    plain = budgets.checked(budget)
    assert plain == budget
    assert budgets.parse(str(budgets.shown(plain))) == plain


@given(text=st.text("0123456789:/,- k", max_size=12))
def test_other_budgets_are_refused_in_one_line(text: str) -> None:
    try:
        found = budgets.parse(text)
    except RequestError as error:
        told = str(error)
    else:
        told = str(budgets.shown(found))
    assert "\n" not in told


@given(total=st.integers(0, 400) | st.lists(st.integers(0, 400), min_size=1).map(tuple))
def test_a_budget_is_divided_whole(total: int | tuple[int, ...]) -> None:
    sinks, window, routed = regions.divide(total)
    totals, each = (total, routed) if isinstance(total, tuple) else ((total,), (routed,))
    for wanted, rest in zip(totals, each, strict=True):
        assert sinks + window + rest == max(wanted, 1)
    assert (0 <= sinks <= 4, 1 <= window <= 64) == (True, True)

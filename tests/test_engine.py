"""Kernels alone give what the graphs give, however tokens are cut, tried or taken back."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("torch", reason="checkpoints are made by PyTorch: edgehybrid[test]")
pytest.importorskip("transformers", reason="checkpoints are made by transformers")

from families import CASES, random_model, save

import edgehybrid
from edgehybrid.bundle import DENSE
from edgehybrid.errors import BundleDamaged, NonFiniteError, RequestError
from edgehybrid.runtime import model as model_module
from edgehybrid.runtime.stream import Stream
from edgehybrid_export import export
from edgehybrid_export.pack import fingerprint_all
from edgehybrid_kernels import multiplies_bytes_fast

pytestmark = pytest.mark.skipif(
    not multiplies_bytes_fast(), reason="this machine runs the graphs: it has no fast bytes"
)

#: Every family that kernels know whole; and the parts that keep the others with the graphs.
WHOLE = ["granitemoehybrid", "falcon_h1", "mamba2", "bamba", "nemotron_h", "qwen3_5_text"]
WHOLE += ["olmo_hybrid", "lfm2", "llama", "qwen3"]
PARTLY = ["zamba2", "jamba", "recurrent_gemma", "mamba", "falcon_mamba", "kimi_linear"]
PARTLY += ["qwen3_next", "lfm2_moe"]
IDS = np.random.default_rng(3).integers(0, 300, 180)


def bundle(folder: Path, family: str, weights: str) -> Path:
    source = save(random_model(family, eos_token_id=None), folder / "source")
    export(source, folder / weights, weights=weights)
    return folder / weights


@pytest.fixture(scope="module", params=[(f, w) for f in WHOLE for w in ("int8", "int4-32")])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    family, weights = request.param
    return bundle(tmp_path_factory.mktemp(family), family, weights)


@pytest.fixture(scope="module")
def model(folder: Path) -> edgehybrid.Model:
    return edgehybrid.load(folder, threads=2)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(tmp_path_factory.mktemp("small"), "granitemoehybrid", "int8")


def with_graphs(folder: Path) -> edgehybrid.Model:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_module, "multiplies_bytes_fast", lambda: False)
        return edgehybrid.load(folder, threads=2)


def everything(stream: Stream) -> Iterator[np.ndarray[Any, Any]]:
    for cache in stream.caches:
        yield from cache.tensors().values()


def assert_same(one: Stream, other: Stream) -> None:
    assert one.position == other.position
    np.testing.assert_array_equal(one.next_logits(), other.next_logits())
    for a, b in zip(everything(one), everything(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_kernels_give_what_the_graphs_give(folder: Path, model: edgehybrid.Model) -> None:
    """Up to numbers that round to another byte, because norms add in another order."""
    assert model.engine is not None
    ours = model.stream().feed(IDS, all_logits=True)
    theirs = with_graphs(folder).stream().feed(IDS, all_logits=True)
    error = np.sqrt(np.square(ours - theirs).mean(-1)) / theirs.std()
    print(f"{folder.parent.name} {folder.name}: median {np.median(error):.1e}, {error.max():.1e}")
    assert np.median(error) < 1e-5
    assert error[0] < 0.02


@pytest.mark.parametrize("budget", [None, 20])
def test_chunks_change_no_bit(model: edgehybrid.Model, budget: int | None) -> None:
    whole = model.stream(budget=budget)
    logits = whole.feed(IDS, all_logits=True)
    for size in (180, 37, 5, 3, 1):
        edges = [*range(0, len(IDS), size), len(IDS)]
        stream = model.stream(budget=budget)
        for a, b in pairwise(edges):
            last = stream.feed(IDS[a:b])
            np.testing.assert_array_equal(last, logits[b - 1])
        assert_same(stream, whole)


@pytest.mark.parametrize("budget", [None, 20])
@pytest.mark.parametrize("right", [0, 1, 3, 15])
def test_tokens_that_were_tried(model: edgehybrid.Model, budget: int | None, right: int) -> None:
    """Those that count are read as if alone; the others leave nothing behind."""
    stream, plain = model.stream(budget=budget), model.stream(budget=budget)
    for start in (100, 120, 140):
        stream.feed(IDS[stream.position : start])
        tokens = IDS[start : start + 16].tolist()
        wanted = iter([*tokens[1 : right + 1], -1])
        assert stream.try_tokens(tokens, lambda _, it=wanted: next(it)) == right + 1
        plain.feed(IDS[plain.position : start + right + 1])
        assert_same(stream, plain)


@pytest.mark.parametrize("budget", [None, 20])
def test_lookup_writes_the_same(model: edgehybrid.Model, budget: int | None) -> None:
    def write(*, lookup: bool) -> tuple[list[int], Stream]:
        stream, tokens = model.stream(budget=budget), []
        stream.feed(np.tile(IDS[:40], 3))
        list(stream.generate(80, lookup=lookup, callback=lambda token: tokens.append(token)))
        return tokens, stream

    (tokens, stream), (plain, other) = write(lookup=True), write(lookup=False)
    assert tokens == plain
    assert_same(stream, other)


def test_threads_change_no_bit(folder: Path, model: edgehybrid.Model) -> None:
    alone, three = (edgehybrid.load(folder, threads=n) for n in (1, 3))
    wanted = model.stream().feed(IDS)
    for loaded in (alone, three):
        np.testing.assert_array_equal(loaded.stream().feed(IDS), wanted)


def test_streams_in_threads_do_not_disturb_each_other(model: edgehybrid.Model) -> None:
    texts = [np.roll(IDS, i) for i in range(4)]
    wanted = [model.stream().feed(text) for text in texts]
    got: dict[int, Any] = {}

    def read(i: int) -> None:
        stream = model.stream()
        for token in texts[i][:-20]:
            stream.feed([token])
        got[i] = stream.feed(texts[i][-20:])

    workers = [threading.Thread(target=read, args=(i,)) for i in range(len(texts))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for i, logits in enumerate(wanted):
        np.testing.assert_array_equal(got[i], logits)


@pytest.mark.parametrize("family", PARTLY)
def test_what_kernels_do_not_know_is_left_to_the_graphs(tmp_path: Path, family: str) -> None:
    assert family in CASES
    path = bundle(tmp_path, family, "int8")
    assert not (path / DENSE).exists()
    assert edgehybrid.load(path).engine is None


@pytest.mark.parametrize("weights", ["float32", "float16", "body=int8,head=float32"])
def test_floats_are_left_to_the_graphs(tmp_path: Path, weights: str) -> None:
    path = bundle(tmp_path, "mamba2", weights)
    assert edgehybrid.load(path).engine is None


@pytest.mark.parametrize("weights", ["int4-64-asym", "int4-128", "body=int4-32,head=int8"])
def test_every_layout_of_weights(tmp_path: Path, weights: str) -> None:
    path = bundle(tmp_path, "granitemoehybrid", weights)
    loaded = edgehybrid.load(path)
    assert loaded.engine is not None
    ours, theirs = loaded.stream().feed(IDS), with_graphs(path).stream().feed(IDS)
    assert np.sqrt(np.square(ours - theirs).mean()) / theirs.std() < 0.05


def test_a_language_model_needs_no_graphs(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but dense.json and the weights is opened, so ONNX Runtime need not be there."""
    monkeypatch.setattr(model_module, "open_segments", lambda *_: pytest.fail("opened graphs"))
    edgehybrid.load(small).stream().feed(IDS)


def test_numpy_kernels_use_the_graphs(small: Path) -> None:
    assert edgehybrid.load(small, kernels="numpy").engine is None


def test_a_broken_state_is_not_read_on(small: Path) -> None:
    stream = edgehybrid.load(small).stream()
    stream.feed(IDS[:10])
    next(everything(stream))[:] = np.nan
    with pytest.raises(NonFiniteError):
        stream.feed(IDS[:10])
    stream.reset()
    assert np.isfinite(stream.feed(IDS[:10])).all()


@pytest.mark.parametrize("tokens", [[], list(range(17))])
def test_too_many_tokens_are_not_tried(small: Path, tokens: list[int]) -> None:
    stream = edgehybrid.load(small).stream()
    with pytest.raises(RequestError, match="cannot be tried"):
        stream.try_tokens(tokens, lambda _: 0)
    assert not stream.is_broken


def altered(source: Path, target: Path, dense: dict[str, Any]) -> Path:
    """A copy of a bundle with another dense.json, and the hash of that."""
    shutil.copytree(source, target)
    (target / DENSE).write_text(json.dumps(dense))
    manifest = json.loads((target / "manifest.json").read_text())
    manifest["files"][DENSE] = fingerprint_all([target / DENSE])
    (target / "manifest.json").write_text(json.dumps(manifest))
    return target


def leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        if isinstance(value, (dict, list)):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


@pytest.mark.parametrize("family", ["granitemoehybrid", "falcon_h1", "qwen3_5_text"])
def test_nothing_in_dense_json_can_do_harm(tmp_path: Path, family: str) -> None:
    """Each of its values, changed: refused, or read and harmless. (A crash would end this run.)"""
    source = bundle(tmp_path, family, "int8")
    described = json.loads((source / DENSE).read_text())
    places = list(leaves({**described, "layers": described["layers"][:2]}))
    random, refused = np.random.default_rng(0), 0
    for i, (*path, last) in enumerate(places):
        dense = json.loads(json.dumps(described))
        node = dense
        for key in path:
            node = node[key]
        old = node[last]
        choices = [0, -1, 7, 1 << 40, None, "nothing", 1.5, [], True]
        choices += [old + 1, old * 2] if isinstance(old, int) else ["dense.layers.0.norm"]
        node[last] = choices[random.integers(len(choices))]
        if node[last] == old:
            continue
        try:
            stream = edgehybrid.load(altered(source, tmp_path / str(i), dense)).stream()
            stream.feed(IDS[:9])
            stream.feed(IDS[:1])
        except (BundleDamaged, NonFiniteError):
            refused += 1
    assert refused > len(places) / 3


# -- two sets of weights --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("two")
    source = save(random_model("granitemoehybrid", eos_token_id=None), folder / "source")
    text = folder / "text.txt"
    text.write_text("Tokens of a text to be measured on. " * 20)
    made = {}
    for weights in ("int8", "int4-32", "int8+int4-32"):
        made[weights] = folder / weights
        export(source, made[weights], weights=weights, calibrate=text)
    return made


def test_one_set_reads_and_the_other_writes(two: dict[str, Path]) -> None:
    both, reads, writes = (edgehybrid.load(two[w]) for w in ("int8+int4-32", "int8", "int4-32"))
    np.testing.assert_array_equal(both.stream().feed(IDS), reads.stream().feed(IDS))
    np.testing.assert_array_equal(both.stream().probe(IDS), writes.stream().probe(IDS))


def test_writing_goes_on_from_what_was_read(two: dict[str, Path]) -> None:
    model = edgehybrid.load(two["int8+int4-32"])
    stream, by_hand, tokens = model.stream(), model.stream(), []
    for one in (stream, by_hand):
        one.feed(np.tile(IDS[:30], 3))
    list(stream.generate(40, callback=lambda token: tokens.append(token)))
    for token in tokens:
        by_hand.take(token)
    assert_same(stream, by_hand)
    assert len(tokens) == 40
    stream.feed(IDS[:5])
    by_hand.feed(IDS[:5])
    assert_same(stream, by_hand)


def test_only_one_set_is_in_memory(two: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    model, released = edgehybrid.load(two["int8+int4-32"]), []
    assert model.engine is not None
    assert model.writer is not None
    monkeypatch.setattr(model.engine, "release", lambda: released.append("reading"))
    monkeypatch.setattr(model.writer, "release", lambda: released.append("writing"))
    stream = model.stream()
    stream.feed(IDS[:20])
    stream.feed(IDS[:20])
    list(stream.generate(5))
    stream.feed(IDS[:20])
    assert released == ["writing", "reading", "writing"]


def test_the_manifest_tells_both(two: dict[str, Path]) -> None:
    manifest = json.loads((two["int8+int4-32"] / "manifest.json").read_text())
    assert manifest["weights"].startswith("int8+body=int4-32")
    assert manifest["parts"]["writing"] > 0
    alone = json.loads((two["int4-32"] / "manifest.json").read_text())["loss"]["calibration"]
    loss = manifest["loss"]["writing"]
    assert loss["mean_kl"] == pytest.approx(alone["mean_kl"], rel=0.05, abs=1e-5)


@pytest.mark.parametrize(
    ("family", "weights", "said"),
    [
        ("mamba2", "int8+int4+int8", "two joined by"),
        ("jamba", "int8+int4-32", "two sets of weights need"),
        ("mamba2", "float32+int4-32", "two sets of weights need"),
    ],
)
def test_two_sets_that_cannot_be(tmp_path: Path, family: str, weights: str, said: str) -> None:
    from edgehybrid_export.errors import ExportError

    with pytest.raises(ExportError, match=said):
        bundle(tmp_path, family, weights)


# -- states in half precision ---------------------------------------------------------------------


def test_half_states_are_half_and_near(small: Path) -> None:
    model = edgehybrid.load(small)
    exact, half = model.stream(), model.stream(state="float16")
    states = [c.tensors()["recurrent"] for c in half.caches if "recurrent" in c.tensors()]
    assert states
    assert all(state.dtype == np.float16 for state in states)
    assert half.nbytes < exact.nbytes
    wanted = exact.feed(IDS, all_logits=True)
    for size in (len(IDS), 7, 1):
        half.reset()
        got = np.stack([half.feed(IDS[i : i + size]) for i in range(0, len(IDS), size)])[-1]
        error = np.sqrt(np.square(got - wanted[-1]).mean()) / wanted.std()
        print(f"{size}: {error:.1e}")
        assert error < 0.02


def test_half_states_are_rounded_once_a_chunk(small: Path) -> None:
    """What is kept is the float32 result, rounded to nearest."""
    model = edgehybrid.load(small)
    exact, half = model.stream(), model.stream(state="float16")
    for stream in (exact, half):
        stream.feed(IDS[:50])
    pairs = zip(exact.caches, half.caches, strict=True)
    wanted, got = next((a.tensors(), b.tensors()) for a, b in pairs if "recurrent" in a.tensors())
    true = wanted["recurrent"] * wanted["scale"][:, None, None]
    np.testing.assert_array_equal(got["recurrent"], true.astype(np.float16))
    assert (got["scale"] == 1).all()


def test_half_states_can_be_tried(small: Path) -> None:
    model = edgehybrid.load(small)
    stream, plain = model.stream(state="float16"), model.stream(state="float16")
    for one in (stream, plain):
        one.feed(IDS[:40])
    wanted = iter([IDS[41], -1])
    assert stream.try_tokens(IDS[40:44].tolist(), lambda _: int(next(wanted))) == 2
    plain.feed(IDS[40:42])
    assert_same(stream, plain)


@pytest.mark.parametrize(("family", "state"), [("llama", "float16"), ("mamba2", "int8")])
def test_states_that_cannot_be(tmp_path: Path, family: str, state: Any) -> None:
    model = edgehybrid.load(bundle(tmp_path, family, "int8"))
    with pytest.raises(RequestError, match=f"state '?{state}"):
        model.stream(state=state)

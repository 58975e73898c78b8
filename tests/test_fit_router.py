"""Fitting a router: sums are right, a planted rule is found, the file is what `fitted` reads."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import edgehybrid
from edgehybrid.bundle import open_bundle
from edgehybrid.errors import Cancelled, NotFound, RequestError
from edgehybrid.fitting.judging import evictions, kept_shares, r_squared, rank_correlation
from edgehybrid.fitting.observing import Observer
from edgehybrid.fitting.received import FLOOR, Segment, judged, targets
from edgehybrid.fitting.ridge import RIDGE, Moments
from edgehybrid.runtime.routers import fitted, get
from edgehybrid.runtime.routers.regions import Regions
from edgehybrid_kernels import load_kernels

SOME = np.random.default_rng(0)


def segment(tokens: int, heads: int, kv_heads: int, seed: int = 0) -> Segment:
    random = np.random.default_rng(seed)
    q, k, v = (
        random.standard_normal((tokens, n, dim)).astype(np.float32)
        for n, dim in ((heads, 8), (kv_heads, 8), (kv_heads, 5))
    )
    return Segment(q, k, v, 0.5)


def softmax(seen: Segment) -> NDArray[np.float64]:
    """(Hk, T, T) in float64, mean over the queries of a KV head."""
    tokens, kv_heads = seen.k.shape[:2]
    q = seen.q.reshape(tokens, kv_heads, -1, 8).astype(np.float64)
    logits = np.einsum("ihgd,jhd->hgij", q, seen.k.astype(np.float64)) * seen.scale
    logits = np.where(np.tri(tokens, dtype=bool), logits, -np.inf)
    weights = np.exp(logits - logits.max(axis=3, keepdims=True))
    return (weights / weights.sum(axis=3, keepdims=True)).mean(axis=1)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 300), st.sampled_from([(2, 1), (4, 2), (3, 3)]), st.integers(1, 40))
def test_targets_are_the_formula(tokens: int, heads: tuple[int, int], window: int) -> None:
    seen = segment(tokens, *heads)
    found, weights = targets(seen, window), softmax(seen)
    for j in range(0, tokens, 7):
        far = np.arange(j + window, tokens)
        mean = (weights[:, far, j] * (far + 1)).mean(axis=1) if len(far) else 0.0
        np.testing.assert_allclose(found[:, j], np.log(mean + FLOOR), atol=1e-4)
    rows = range(tokens)[judged(tokens, 3, window)]
    assert all(tokens - window - j >= 64 for j in rows)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 9), st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 99))
def test_running_sums_give_the_regression(width: int, cuts: list[int], seed: int) -> None:
    random, count = np.random.default_rng(seed), sum(cuts) + width
    x = (random.standard_normal((count, width)) * random.uniform(0.1, 9, width) + 5).astype("f4")
    x[:, 0] = 3  # a constant
    y = random.standard_normal(count)
    sums, start = Moments(width), 0
    for cut in [*cuts, width]:
        sums.add(x[start : start + cut], y[start : start + cut])
        start += cut
    weights, constant = sums.solve()
    wide = x.astype(np.float64)
    z = (wide[:, 1:] - wide[:, 1:].mean(axis=0)) / wide[:, 1:].std(axis=0)
    expected = np.linalg.solve(z.T @ z / count + RIDGE * np.eye(width - 1), z.T @ y / count)
    assert weights[0] == 0
    np.testing.assert_allclose(weights[1:] * wide[:, 1:].std(axis=0), expected, atol=1e-6)
    np.testing.assert_allclose((wide @ weights + constant).mean(), y.mean(), atol=1e-9)


def planted(rule: NDArray[np.float32], seed: int) -> Segment:
    """Every query asks for `rule`; so a token receives what its key has of it."""
    seen = segment(700, 2, 1, seed)
    return seen._replace(q=np.broadcast_to(rule, seen.q.shape).astype(np.float32))


def test_a_planted_rule_is_found() -> None:
    rule = SOME.standard_normal(8).astype(np.float32)
    sums, rows = Moments(13), judged(700, 4, 16)

    def features(seen: Segment) -> NDArray[np.float32]:
        return np.concatenate([seen.k[:, 0], seen.v[:, 0]], axis=1)

    for seed in range(3):
        seen = planted(rule, seed)
        sums.add(features(seen)[rows], targets(seen, 16)[0, rows])
    weights, constant = sums.solve()
    np.testing.assert_allclose(weights[:8], 0.5 * rule, atol=0.05)
    np.testing.assert_allclose(weights[8:], 0, atol=0.05)
    seen = planted(rule, 9)
    y, scores = targets(seen, 16)[0], features(seen) @ weights + constant
    assert r_squared(y[rows], scores[rows]) > 0.95
    assert rank_correlation(y[rows], scores[rows]) > 0.98
    regions = Regions(4, 16, 20)
    until = {
        name: evictions(of, regions, 20)
        for name, of in (("fitted", scores), ("oracle", y), ("worst", -scores))
    }
    kept = kept_shares(seen, 0, until, regions)
    assert kept["worst"] < 0.1 < 0.95 * kept["oracle"] < kept["fitted"]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(0, 4), st.integers(1, 9), st.integers(0, 8), st.data())
def test_evictions_are_those_of_a_cache(
    tokens: int, sinks: int, window: int, budget: int, data: st.DataObject
) -> None:
    scores = np.array(data.draw(st.lists(st.integers(0, 9), min_size=tokens, max_size=tokens)))
    cache = get("learned").alloc(1, 8, sinks, window, budget)
    q, k, v = (SOME.standard_normal((tokens, 8)).astype(np.float32) for _ in range(3))
    given_scores = scores.astype(np.float32)[:, None]
    load_kernels("numpy").attention(q, k, v, given_scores, cache, np.empty_like(q), scale=1.0)
    until = evictions(scores.astype(np.float64), Regions(sinks, window, budget), budget)
    expected = {j for j in range(tokens) if j > tokens - 1 - window or until[j] > tokens - 1}
    assert {*cache.position[cache.position >= 0].tolist()} == expected


def test_shares_of_attention() -> None:
    seen, regions = segment(300, 4, 2), Regions(2, 10, 30)
    until = {
        "everything": np.full(300, 999),
        "nothing": np.zeros(300, np.int64),
        "window": np.arange(300) + 40,
    }
    i, j = np.indices((300, 300))
    for head, weights in enumerate(softmax(seen)):
        far = (j <= i - 10) & (j >= 2)
        whole, near = weights[far].sum(), weights[far & (j > i - 40)].sum()
        kept = kept_shares(seen, head, until, regions)
        assert kept["nothing"] == 0
        np.testing.assert_allclose([kept["everything"], kept["window"]], [1, near / whole], 1e-5)


@pytest.fixture(scope="module")
def writers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    pytest.importorskip("transformers")
    from writers import write_bundle

    folder = tmp_path_factory.mktemp("writers")
    made = {f: write_bundle(folder / f, family=f) for f in ("granitemoehybrid", "falcon_h1")}
    return {**made, "mamba2": write_bundle(folder / "mamba2", family="mamba2")}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    words = "river bridge market flour engineer spring lamp cheese village arch".split()  # noqa: SIM905
    path.write_text("\n\n".join(" ".join(SOME.choice(words, 12)) + "." for _ in range(40)))
    return path


@pytest.mark.parametrize("family", ["granitemoehybrid", "falcon_h1"])
def test_what_is_observed_is_what_caches_hold(writers: dict[str, Path], family: str) -> None:
    observer, ids = Observer(writers[family]), np.arange(600, dtype=np.int32) % 200
    stream = observer.model.stream()
    stream.feed(ids)
    tensors = stream.tensors()
    found = dict(observer.segments(ids))
    assert found.keys() == observer.shapes.keys()
    for i, seen in found.items():
        kept = {n: a for n, a in tensors.items() if n.startswith(f"{i}.")}
        [keys] = [a for n, a in kept.items() if n.endswith("keys")]
        [values] = [a for n, a in kept.items() if n.endswith("values")]
        np.testing.assert_array_equal(seen.k, keys.transpose(1, 0, 2))
        np.testing.assert_array_equal(seen.v, values.transpose(1, 0, 2))


def test_the_file_is_what_the_router_reads(
    writers: dict[str, Path], text: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(writers["granitemoehybrid"], tmp_path / "bundle")
    told: list[edgehybrid.Progress] = []
    fit = edgehybrid.fit_router(folder, [text], budget=40, max_tokens=1600, progress=told.append)
    assert fit.path == folder / "router.safetensors"
    assert fit.regions == Regions(4, 10, 26)
    assert (told[-1].pages_read, told[-1].tokens) == (
        told[-1].pages_total,
        fit.fitted_tokens + fit.held_out_tokens,
    )
    assert 1024 <= fit.fitted_tokens + fit.held_out_tokens <= 1600 < fit.tokens
    for layer in fit.layers:
        assert 0 < layer.kept["window"] < 1
        assert all(0 <= share <= 1 for share in layer.kept.values())
    bundle, observer = open_bundle(folder), Observer(folder)
    probe = fitted.load(bundle, observer.shapes)
    assert probe.fit["layers"][0]["kept"]["fitted"] == round(fit.kept("fitted"), 4)
    assert text.name.encode() not in fit.path.read_bytes()
    for i, seen in observer.segments(np.arange(90, dtype=np.int32)):
        heads, width = probe.weights[i].shape
        cache = get("fitted").alloc(heads, seen.k.shape[2], 2, 9, 7, weights=probe.weights[i])
        parts = [x.reshape(90, -1) for x in (seen.q, seen.k, seen.v)]
        out = np.empty_like(parts[0])
        load_kernels("numpy").attention(*parts, None, cache, out, scale=seen.scale)
        assert width == seen.k.shape[2] + seen.v.shape[2]
        for head in range(heads):
            scores = np.concatenate([seen.k[:, head], seen.v[:, head]], 1) @ probe.weights[i][head]
            until = evictions(scores.astype(np.float64), Regions(2, 9, 7), 7)
            kept = {j for j in range(90) if j > 80 or until[j] > 89}
            assert {*cache.position[head].tolist()} == kept
    stream = observer.model.stream(budget=40, router="fitted")
    stream.feed(np.arange(90, dtype=np.int32))
    assert stream.kv_tokens == 40
    other = writers["falcon_h1"]
    copied = shutil.copytree(other, tmp_path / "other")
    shutil.copy(fit.path, copied)
    with pytest.raises(RequestError, match="was fitted to"):
        fitted.load(open_bundle(copied), Observer(copied).shapes)


def test_what_cannot_be_fitted(
    writers: dict[str, Path], text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    granite = writers["granitemoehybrid"]
    (tmp_path / "short.txt").write_text("Some words.")
    for bundle, texts, options, message in (
        (granite, [tmp_path / "short.txt"], {}, "tokens, and a router needs 1,024"),
        (granite, [text], {"budget": 7}, "budget is 7"),
        (granite, [text], {"max_tokens": 9}, "max_tokens is 9, but a router needs 1,024"),
        (writers["mamba2"], [text], {}, "no attention layer"),
        (edgehybrid.load().bundle.folder, [text], {}, "is a reader"),
    ):
        with pytest.raises(RequestError, match=message):
            edgehybrid.fit_router(bundle, texts, **options)
    with pytest.raises(NotFound):
        edgehybrid.fit_router(granite, [tmp_path / "missing.txt"])
    with pytest.raises(Cancelled, match="after 1 of"):
        edgehybrid.fit_router(granite, [text], progress=lambda now: False)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(RequestError, match="cannot be written to; name another file"):
        edgehybrid.fit_router(granite, [text])
    assert not (granite / "router.safetensors").exists()


def test_the_command(
    writers: dict[str, Path], text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from edgehybrid.cli import main

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["fit-router", str(writers["granitemoehybrid"]), *arguments])
        return int(end.value.code or 0), *capsys.readouterr()

    out = str(tmp_path / "probe.safetensors")
    code, told, report = run("--text", str(text), str(text), "--out", out)
    assert (code, told) == (0, f"{out}\n")
    assert f"layer     R2  rank     {'fitted':>6}   window" in report
    assert "it is looked for as router.safetensors in" in report
    code, told, error = run()
    assert (code, told, error.count("\n")) == (2, "", 1)
    assert "name files with --text" in error
    code, told, error = run("--text", str(text), "--out", str(text))
    assert (code, "is the document itself" in error) == (2, True)

"""Mixers with a graph of their own: told of, quantised, reset, and refused where it is wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the models are made by PyTorch: edgehybrid[test]")
pytest.importorskip("transformers", reason="the models are made by transformers")

import torch
from families import random_model, save

import edgehybrid
from edgehybrid.bundle import open_bundle
from edgehybrid.errors import BundleDamaged
from edgehybrid.runtime.inspecting import describe
from edgehybrid_export import export
from edgehybrid_export.errors import CheckpointError

IDS = np.random.default_rng(3).integers(0, 300, 150)
FAMILIES = ("mamba", "falcon_mamba", "jamba", "recurrent_gemma")
FLOAT = 4


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, np.ndarray]]:
    """The checkpoint of each family, and its logits of IDS."""
    made = {}
    for family in FAMILIES:
        model = random_model(family)
        with torch.no_grad():
            wanted = model(torch.from_numpy(IDS)[None]).logits[0].numpy()
        made[family] = save(model, tmp_path_factory.mktemp(family) / "source"), wanted
    return made


@pytest.fixture(scope="module")
def exact(sources: dict[str, tuple[Path, np.ndarray]]) -> dict[str, Path]:
    bundles = {}
    for family in ("jamba", "recurrent_gemma"):
        source = sources[family][0]
        bundles[family] = source.with_name("bundle")
        export(source, bundles[family], weights="float32")
    return bundles


def test_a_bundle_is_described(exact: dict[str, Path]) -> None:
    told = describe(open_bundle(exact["jamba"]))
    mixers = [layer["mixer"] for layer in told["layers"]]
    assert mixers == ["selective", "attention", "selective", "selective"]
    assert told["layers"][0]["state_bytes"] == (3 + 16) * 96 * FLOAT  # taps and scan
    told = describe(open_bundle(exact["recurrent_gemma"]))
    assert [layer["mixer"] for layer in told["layers"]] == ["rg_lru", "rg_lru", "attention"]
    assert told["layers"][0]["state_bytes"] == (3 + 1) * 48 * FLOAT + 8  # and a count
    assert told["state_bytes_per_token"] == 0  # a window only


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("weights", "limit"), [("float16", 0.01), ("int8", 0.15), ("int4-32", 0.8)]
)
def test_other_precisions_are_near(
    tmp_path: Path,
    sources: dict[str, tuple[Path, np.ndarray]],
    family: str,
    weights: str,
    limit: float,
) -> None:
    source, wanted = sources[family]
    export(source, tmp_path / "bundle", weights=weights)
    got = edgehybrid.load(tmp_path / "bundle", threads=1).stream().feed(IDS, all_logits=True)
    error = np.sqrt(np.square(got - wanted).mean()) / wanted.std()
    print(f"{family} {weights}: {error:.4f}")
    assert 1e-5 < error < limit


@pytest.mark.parametrize("family", ["jamba", "recurrent_gemma"])
def test_numpy_kernels_and_a_second_time(exact: dict[str, Path], family: str) -> None:
    stream = edgehybrid.load(exact[family], threads=1).stream()
    wanted = stream.feed(IDS, all_logits=True)
    stream.reset()
    np.testing.assert_array_equal(stream.feed(IDS, all_logits=True), wanted)
    plain = edgehybrid.load(exact[family], threads=1, kernels="numpy").stream()
    got = np.concatenate([plain.feed(part, all_logits=True) for part in (IDS[:1], IDS[1:])])
    np.testing.assert_allclose(got, wanted, atol=1e-4 * wanted.std())


def test_an_inner_graph_that_is_not_listed(exact: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(exact["jamba"], tmp_path / "bundle"))
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["files"]["inner.0.onnx"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleDamaged, match=r"does not list 'inner\.0\.onnx'"):
        edgehybrid.load(folder)


@pytest.mark.parametrize(
    ("family", "field", "value"),
    [
        ("mamba", "hidden_act", "gelu"),
        ("falcon_mamba", "n_mamba_heads", 2),
        ("jamba", "hidden_act", "gelu"),
        ("recurrent_gemma", "hidden_activation", "gelu"),
    ],
)
def test_what_computes_otherwise_is_refused(
    tmp_path: Path,
    sources: dict[str, tuple[Path, np.ndarray]],
    family: str,
    field: str,
    value: object,
) -> None:
    source = Path(shutil.copytree(sources[family][0], tmp_path / "source"))
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps(config | {field: value}))
    with pytest.raises(CheckpointError, match=field):
        export(source, tmp_path / "bundle", weights="float32")

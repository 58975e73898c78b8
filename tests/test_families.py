"""Every family gives the logits of its authors' code, however the tokens are cut."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="parity needs PyTorch: pip install 'edgehybrid[test]'")
pytest.importorskip("transformers", reason="parity needs transformers: edgehybrid[test]")

import torch
from families import CASES, random_model, save
from safetensors.numpy import load_file, save_file
from stepping import Step, can_run

import edgehybrid
from edgehybrid_export import export

TOKENS = 257
#: Largest difference, in standard deviations of the logits.
TOLERANCE = 2e-4
EACH = [(family, i) for family in CASES for i in range(len(CASES[family][1]))]


@pytest.fixture(scope="module")
def ids() -> np.ndarray:
    return np.random.default_rng(7).integers(0, 300, TOKENS)


@pytest.mark.parametrize(("family", "case"), EACH)
def test_logits_are_transformers(tmp_path: Path, ids: np.ndarray, family: str, case: int) -> None:
    model = random_model(family, **CASES[family][1][case])
    with torch.no_grad():
        wanted = model(torch.from_numpy(ids)[None]).logits[0].numpy()
    export(save(model, tmp_path / "source"), tmp_path / "bundle", weights="float32")
    loaded = edgehybrid.load(tmp_path / "bundle", threads=2)
    for size in (TOKENS, 37, 1):
        edges = [*range(0, TOKENS, size), TOKENS]
        stream = loaded.stream()
        got = np.concatenate([stream.feed(ids[a:b], all_logits=True) for a, b in pairwise(edges)])
        _compare(got, wanted, f"{family} {case} in pieces of {size}")
    last = loaded.stream().feed(ids)
    assert last.shape == (300,)
    np.testing.assert_allclose(last, got[-1], atol=TOLERANCE * wanted.std())
    if can_run():
        _compare_portable(tmp_path / "bundle", ids, wanted)


def _compare_portable(bundle: Path, ids: np.ndarray, wanted: np.ndarray) -> None:
    """The graph of the whole model gives the logits after each piece."""
    for begin, size in ((0, TOKENS), (0, 37), (TOKENS - 20, 1)):
        step = Step(bundle)
        edges = [0, *range(begin + size, TOKENS, size), TOKENS]
        for a, b in pairwise(edges):
            logits = step.feed(ids[a:b].astype(np.int32))["logits"]
            error = np.abs(logits - wanted[b - 1]).max() / wanted.std()
            assert error <= TOLERANCE, f"portable, {b} tokens, in pieces of {size}"


def _compare(got: np.ndarray, wanted: np.ndarray, what: str) -> None:
    error = np.abs(got - wanted).max() / wanted.std()
    print(f"{what}: {error:.1e}")
    assert error <= TOLERANCE, what
    np.testing.assert_array_equal(got.argmax(-1), wanted.argmax(-1), err_msg=what)


@pytest.fixture(scope="module")
def attentive(tmp_path_factory: pytest.TempPathFactory) -> edgehybrid.Model:
    folder = tmp_path_factory.mktemp("attentive")
    export(save(random_model("llama"), folder / "source"), folder / "bundle", weights="float32")
    return edgehybrid.load(folder / "bundle", threads=2)


def test_without_a_budget_every_token_is_kept(attentive: edgehybrid.Model, ids: np.ndarray) -> None:
    stream = attentive.stream()
    before = stream.nbytes
    for _ in range(4):
        stream.feed(ids)
    assert stream.kv_tokens == 4 * TOKENS
    assert stream.nbytes > before


def test_a_budget_is_first_and_last_tokens(attentive: edgehybrid.Model, ids: np.ndarray) -> None:
    stream = attentive.stream(budget=20)
    before = stream.nbytes
    stream.feed(ids)
    assert stream.kv_tokens == 20
    assert stream.nbytes == before
    kept = set(stream.caches[0].position[0].tolist()) - {-1}
    assert kept == {0, 1, 2, 3, *range(TOKENS - 16, TOKENS)}


def test_a_budget_that_holds_all_changes_nothing(
    attentive: edgehybrid.Model, ids: np.ndarray
) -> None:
    wanted = attentive.stream().feed(ids, all_logits=True)
    got = attentive.stream(budget=TOKENS).feed(ids, all_logits=True)
    np.testing.assert_allclose(got, wanted, atol=TOLERANCE * wanted.std())


@pytest.mark.parametrize("family", CASES)
def test_int8_is_near(tmp_path: Path, ids: np.ndarray, family: str) -> None:
    model = random_model(family, **CASES[family][1][-1])
    with torch.no_grad():
        wanted = model(torch.from_numpy(ids)[None]).logits[0].numpy()
    export(save(model, tmp_path / "source"), tmp_path / "bundle", weights="int8")
    loaded = edgehybrid.load(tmp_path / "bundle", threads=1)
    got = loaded.stream().feed(ids, all_logits=True)
    error = np.sqrt(np.square(got - wanted).mean()) / wanted.std()
    print(f"{family}: {error:.3f}")
    assert 1e-4 < error < 0.25
    cut = loaded.stream()
    again = np.concatenate([cut.feed(part, all_logits=True) for part in np.split(ids, [1, 100])])
    np.testing.assert_allclose(again, got, atol=1e-3 * wanted.std())


def test_int8_and_shards_of_bfloat16(tmp_path: Path, ids: np.ndarray) -> None:
    model = random_model("granitemoehybrid").to(torch.bfloat16)
    save(model, tmp_path / "source", max_shard_size="60KB")
    assert len(list((tmp_path / "source").glob("model-*.safetensors"))) > 1
    with torch.no_grad():
        wanted = model.float()(torch.from_numpy(ids)[None]).logits[0].numpy()
    export(tmp_path / "source", tmp_path / "exact", weights="float32")
    got = edgehybrid.load(tmp_path / "exact", threads=1).stream().feed(ids, all_logits=True)
    _compare(got, wanted, "bfloat16")
    export(tmp_path / "source", tmp_path / "small", weights="int8")
    small = edgehybrid.load(tmp_path / "small", threads=1).stream().feed(ids, all_logits=True)
    assert 1e-3 < np.sqrt(np.square(small - wanted).mean()) / wanted.std() < 0.15


@pytest.mark.parametrize("family", ["qwen3_next", "kimi_linear", "zamba2"])
def test_names_that_transformers_uses_itself(tmp_path: Path, ids: np.ndarray, family: str) -> None:
    model = random_model(family)
    with torch.no_grad():
        wanted = model(torch.from_numpy(ids)[None]).logits[0].numpy()
    source = save(model, tmp_path / "source", save_original_format=False)
    export(source, tmp_path / "bundle", weights="float32")
    got = edgehybrid.load(tmp_path / "bundle", threads=1).stream().feed(ids, all_logits=True)
    _compare(got, wanted, f"{family}, names of its modules")


def test_the_text_part_of_a_model_that_sees(tmp_path: Path, ids: np.ndarray) -> None:
    model = random_model("qwen3_5_text")
    with torch.no_grad():
        wanted = model(torch.from_numpy(ids)[None]).logits[0].numpy()
    source = save(model, tmp_path / "source")
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(
        json.dumps({"model_type": "qwen3_5", "text_config": config, "vision_config": {}})
    )
    tensors = load_file(source / "model.safetensors")
    named = {n.replace("model.", "model.language_model.", 1): a for n, a in tensors.items()}
    named["model.visual.patch_embed.weight"] = named["mtp.fc.weight"] = np.ones(3, np.float32)
    save_file(named, source / "model.safetensors")
    export(source, tmp_path / "bundle", weights="float32")
    got = edgehybrid.load(tmp_path / "bundle", threads=1).stream().feed(ids, all_logits=True)
    _compare(got, wanted, "qwen3_5")

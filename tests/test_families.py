"""Every family gives the logits of its authors' code, however the tokens are cut."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="parity needs PyTorch: pip install 'edgehybrid[test]'")
pytest.importorskip("transformers", reason="parity needs transformers: edgehybrid[test]")

import torch
from families import CASES, random_model, save

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


def _compare(got: np.ndarray, wanted: np.ndarray, what: str) -> None:
    error = np.abs(got - wanted).max() / wanted.std()
    print(f"{what}: {error:.1e}")
    assert error <= TOLERANCE, what
    np.testing.assert_array_equal(got.argmax(-1), wanted.argmax(-1), err_msg=what)

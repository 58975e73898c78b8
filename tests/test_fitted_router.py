"""The file of a fitted router: what is written is read, what is altered or foreign is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load as parse
from safetensors.numpy import save_file

from edgehybrid.bundle import Bundle, open_bundle
from edgehybrid.errors import BundleDamaged, BundleTooNew, EdgehybridError, RequestError
from edgehybrid.runtime.digest import digest
from edgehybrid.runtime.mixers import load_mixers
from edgehybrid.runtime.routers import fitted

WEIGHTS = {1: np.random.default_rng(0).standard_normal((2, 16)).astype(np.float32)}


@pytest.fixture
def bundle(bundles: dict[str, Path], tmp_path: Path) -> Bundle:
    """A bundle of which the folder is the test's own; its files stay where they are."""
    return replace(open_bundle(bundles["int8"]), folder=tmp_path)


def alter(bundle: Bundle, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
    """Change description or tensors and make the sum right again."""
    data = fitted.place(bundle).read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    said, tensors = json.loads(header["__metadata__"][fitted.KEY]), dict(parse(data))
    del said["sha256"]
    change(said, tensors)
    said["sha256"] = digest(said, tensors)
    save_file(tensors, fitted.place(bundle), metadata={fitted.KEY: json.dumps(said)})


def test_what_was_written_is_read(bundles: dict[str, Path], bundle: Bundle) -> None:
    shapes = fitted.shapes(load_mixers(open_bundle(bundles["int8"])))
    assert shapes == {1: (2, 16)}
    fitted.write(bundle, WEIGHTS, {"text": "a.txt", "tokens": 1000, "r2": 0.25})
    probe = fitted.load(bundle, shapes)
    np.testing.assert_array_equal(probe.weights[1], WEIGHTS[1])
    assert probe.fit == {"text": "a.txt", "tokens": 1000, "r2": 0.25}
    fitted.write(bundle, {1: WEIGHTS[1] + 1}, {})
    assert fitted.load(bundle, shapes).sha256 != probe.sha256


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (lambda said, _: said.update(format=9), BundleTooNew, "format 9"),
        (lambda said, _: said.pop("fit"), BundleDamaged, "lacks something"),
        (lambda said, _: said["bundle"].update(sha256="0" * 64), RequestError, "was fitted to"),
        (lambda _, t: t.clear(), BundleDamaged, "layers.1.weight is missing"),
        (lambda _, t: t.update(more=np.zeros(1)), BundleDamaged, "more is missing, or too much"),
        (lambda _, t: t["layers.1.weight"].fill(np.nan), BundleDamaged, "NaN"),
        (
            lambda _, t: t.update({"layers.1.weight": np.zeros((2, 15), np.float32)}),
            BundleDamaged,
            r"float32 \(2, 15\), expected float32 \(2, 16\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    bundle: Bundle, change: Any, kind: type[Exception], message: str
) -> None:
    fitted.write(bundle, WEIGHTS, {})
    alter(bundle, change)
    with pytest.raises(kind, match=message):
        fitted.load(bundle, {1: (2, 16)})


def test_a_missing_file_and_a_link(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="there is no router"):
        fitted.load(bundle, {1: (2, 16)})
    fitted.place(bundle).symlink_to(tmp_path / "nowhere")
    with pytest.raises(BundleDamaged, match="a link"):
        fitted.load(bundle, {1: (2, 16)})


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_files_are_refused(bundle: Bundle, data: st.DataObject) -> None:
    path = fitted.write(bundle, WEIGHTS, {})
    good = path.read_bytes()
    place = data.draw(st.integers(0, len(good) - 1))
    if data.draw(st.booleans()):
        path.write_bytes(good[:place])
    else:
        changed = good[place] ^ data.draw(st.integers(1, 255))
        path.write_bytes(good[:place] + bytes([changed]) + good[place + 1 :])
    with pytest.raises(EdgehybridError):
        fitted.load(bundle, {1: (2, 16)})

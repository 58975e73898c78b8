"""Checkpoint to bundle: the same mathematics, and an error of its own for each thing wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from checkpoints import random_reader
from safetensors.numpy import load_file, save_file

from edgehybrid.bundle import open_bundle
from edgehybrid_export import CheckpointError, ExportError, export
from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families import read_model
from edgehybrid_export.licence import licence_of
from edgehybrid_export.quantise import pack, quantise_int4, quantise_rows
from edgehybrid_export.reference import residuals
from edgehybrid_export.validate import last, last_residuals

AWKWARD = [
    {},
    {"layer_types": ["attention"], "num_key_value_heads": 1, "num_attention_heads": 3},
    {"layer_types": ["mamba"], "mamba_n_heads": 3, "mamba_head_dim": 5, "mamba_d_state": 7},
    {"mamba_n_heads": 4, "mamba_n_groups": 2, "mamba_d_conv": 3, "router_budget": 0},
    {"layer_types": ["attention", "mamba", "attention"], "hidden_size": 40, "router_window": 1},
]


@pytest.mark.parametrize("overrides", AWKWARD, ids=str)
def test_float32_bundle_is_the_reference(tmp_path: Path, overrides: dict) -> None:
    source = random_reader(tmp_path / "source", **overrides)
    export(source, tmp_path / "bundle", weights="float32")
    spec = read_model(Checkpoint(source))
    ids = np.random.default_rng(1).integers(0, 300, 301, dtype=np.int32)
    got = last_residuals(open_bundle(tmp_path / "bundle"), ids)
    wanted = last(residuals(spec, ids))
    np.testing.assert_allclose(got, wanted, atol=2e-4 * wanted.std())


def test_manifest_tells_the_loss(bundles: dict[str, Path]) -> None:
    error = {}
    for weights, folder in bundles.items():
        manifest = json.loads((folder / "manifest.json").read_text())
        mixed = "body=int4-128,head=int4-128,embedding=int8"  # 32 numbers are no block of 128
        assert manifest["weights"] == (mixed if weights == "int4" else weights)
        error[weights] = manifest["loss"]["residual_error"]
    assert error["float32"] < 1e-4 < error["int8"] < error["int4"] < 0.35


def test_int8_rows_are_within_half_a_step() -> None:
    matrix = np.random.default_rng(0).standard_normal((5, 64)).astype(np.float32)
    matrix[2] = 0
    rows, scale = quantise_rows(matrix)
    assert np.abs(rows * scale[:, None] - matrix).max() <= scale.max() / 2 * 1.001


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("block", [32, 64, 128])
def test_int4_blocks_are_near(block: int, symmetric: bool) -> None:
    parts = np.random.default_rng(0).standard_normal((6, 3, block)).astype(np.float32)
    parts[0, 0] = 0
    codes, scale, zero = quantise_int4(parts, symmetric=symmetric)
    assert codes.max() < 16
    again = (codes - zero[..., None].astype(np.float32)) * scale[..., None]
    assert np.sqrt(np.square(again - parts).mean()) < 0.12
    assert (again[0, 0] == 0).all()


def test_nibbles_lie_lower_half_first() -> None:
    assert pack(np.array([[1, 2, 3]], np.uint8)).tolist() == [[0x21, 0x03]]


def _edit(folder: Path, change) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def _with(name: str, array: np.ndarray):
    return lambda tensors: tensors.__setitem__(name, array)


BROKEN = {
    "missing tensor": (lambda t: t.pop("mean_norm.weight"), "no tensor 'mean_norm.weight'"),
    "extra tensor": (_with("more", np.zeros(3, "f4")), "unknown tensors, e.g. 'more'"),
    "wrong shape": (_with("end_norm.weight", np.zeros(31, "f4")), r"\(31,\), expected \(32,\)"),
    "nan": (_with("end_norm.weight", np.full(32, np.nan, "f4")), "32 values that are not finite"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_weights(tmp_path: Path, case: str) -> None:
    change, message = BROKEN[case]
    source = random_reader(tmp_path / "source")
    _edit(source, change)
    with pytest.raises(CheckpointError, match=message):
        export(source, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["source"]  # nothing half-written


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlanguage: en\nlicense: apache-2.0\n---\n# Card\nlicense: mit\n", "apache-2.0"),
        ("---\nlicense: other\nlicense_name: falcon-llm\n---\n", "falcon-llm"),
        ("# No head\nlicense: mit\n", "unknown"),
        ("---\nlicense: [mit, bsd]\n---\n", "unknown"),
    ],
)
def test_licence_of_the_card(tmp_path: Path, card: str, licence: str) -> None:
    source = random_reader(tmp_path / "source")
    (source / "README.md").write_text(card)
    assert licence_of(Checkpoint(source)) == licence
    assert export(source, tmp_path / "bundle")["licence"] == licence


def test_unknown_fields(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = random_reader(tmp_path / "source", value_multiplier=0, motto="read", note_dropout=0.1)
    export(source, tmp_path / "bundle", weights="float32")
    assert "passed over: motto" in caplog.text
    other = random_reader(tmp_path / "other", value_multiplier=2.0)
    with pytest.raises(CheckpointError, match=r"does not know: value_multiplier is 2\.0; remove"):
        export(other, tmp_path / "nothing")


def test_truncated_weights(tmp_path: Path) -> None:
    source = random_reader(tmp_path / "source")
    data = (source / "model.safetensors").read_bytes()
    (source / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        export(source, tmp_path / "bundle")


def test_unknown_family(tmp_path: Path) -> None:
    source = random_reader(tmp_path / "source", model_type="perceptron")
    with pytest.raises(
        CheckpointError, match=r"'perceptron' is not known; known are: .*edgehybrid"
    ):
        export(source, tmp_path / "bundle")


def test_tokenizer_of_another_model(tmp_path: Path) -> None:
    source = random_reader(tmp_path / "source", vocab_size=200)
    with pytest.raises(CheckpointError, match="260 tokens, the model 200"):
        export(source, tmp_path / "bundle")


def test_existing_output_is_kept(tmp_path: Path, checkpoint: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(ExportError, match="exists"):
        export(checkpoint, tmp_path / "mine")


def test_a_reader_has_no_logits_to_calibrate(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(ExportError, match="has no logits"):
        export(checkpoint, tmp_path / "out", calibrate=checkpoint / "config.json")


def test_unknown_precision(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(ExportError, match="'int3' is not one of float32, float16, int8, int4"):
        export(checkpoint, tmp_path / "out", weights="int3")

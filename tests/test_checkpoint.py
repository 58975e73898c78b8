"""Reading checkpoints: shards, bfloat16, and an error of its own for each thing wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from checkpoints import random_reader
from safetensors.numpy import load_file, save_file

from edgehybrid_export import CheckpointError, export
from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families.rope import rotary
from edgehybrid_export.tensors import TensorFile

NAME = "model.safetensors"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return random_reader(tmp_path / "source")


def _shard(folder: Path) -> None:
    """Split the one file into two shards with an index."""
    tensors = load_file(folder / NAME)
    (folder / NAME).unlink()
    names = sorted(tensors)
    homes = {name: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, name in enumerate(names)}
    for shard in set(homes.values()):
        save_file({n: tensors[n] for n in names if homes[n] == shard}, folder / shard)
    (folder / f"{NAME}.index.json").write_text(json.dumps({"weight_map": homes}))


def _write(path: Path, header: object, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def test_shards_are_one_checkpoint(source: Path) -> None:
    whole = load_file(source / NAME)
    _shard(source)
    ckpt = Checkpoint(source)
    assert len(ckpt.files) == 2
    for name, array in whole.items():
        np.testing.assert_array_equal(ckpt.tensor(name, array.shape), array)
    ckpt.finish()


def test_a_head_that_is_said_to_be_the_embedding(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs PyTorch: edgehybrid[test]")
    from families import random_model, save

    source = save(random_model("llama", tie_word_embeddings=True), tmp_path / "source")
    tensors = load_file(source / NAME)
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].copy()
    save_file(tensors, source / NAME)
    export(source, tmp_path / "bundle", weights="float32")
    tensors["lm_head.weight"][7] += 1
    save_file(tensors, source / NAME)
    with pytest.raises(CheckpointError, match=r"lm_head\.weight differs from the embedding"):
        export(source, tmp_path / "other")


def test_a_missing_shard(source: Path) -> None:
    _shard(source)
    (source / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"model-00002-of-00002\.safetensors is missing"):
        Checkpoint(source)


def test_a_shard_outside_the_folder(source: Path) -> None:
    (source / NAME).rename(source.parent / "elsewhere.safetensors")
    index = {"weight_map": {"x": "../elsewhere.safetensors"}}
    (source / f"{NAME}.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="is missing, which"):
        Checkpoint(source)


def test_a_truncated_shard(source: Path) -> None:
    _shard(source)
    path = source / "model-00001-of-00002.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(CheckpointError, match=r"00001.*not a whole.*ends at byte \d+ of \d+"):
        Checkpoint(source)


def test_a_tensor_twice(source: Path) -> None:
    _shard(source)
    first, second = sorted(source.glob("model-*"))
    save_file({**load_file(first), **load_file(second)}, first)
    with pytest.raises(CheckpointError, match=r"is in model-00001.* and in model-00002"):
        Checkpoint(source)


def test_pickles_are_refused(source: Path) -> None:
    (source / NAME).rename(source / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin, a pickle .* convert it"):
        Checkpoint(source)


@pytest.mark.parametrize("dtype", ["F64", "F32", "F16", "BF16"])
def test_dtypes(tmp_path: Path, dtype: str) -> None:
    values = np.array([[0.5, -1.25, 3.0], [1e-3, 0.0, -7.0]], np.float32)
    stored = {"F64": values.astype("<f8"), "F32": values, "F16": values.astype("<f2")}
    stored["BF16"] = (values.view(np.uint32) >> 16).astype("<u2")  # 1e-3 loses its low bits
    data = stored[dtype].tobytes()
    entry = {"dtype": dtype, "shape": [2, 3], "data_offsets": [0, len(data)]}
    got = TensorFile(_write(tmp_path / NAME, {"w": entry}, data)).tensor("w")
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, values, rtol=2**-7)
    if dtype != "BF16":
        np.testing.assert_allclose(got, values, rtol=1e-3)


def test_another_dtype(tmp_path: Path) -> None:
    entry = {"dtype": "I8", "shape": [4], "data_offsets": [0, 4]}
    file = TensorFile(_write(tmp_path / NAME, {"w": entry}, bytes(4)))
    with pytest.raises(CheckpointError, match="'w' has dtype I8, expected one of F64"):
        file.tensor("w")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"{", "not JSON"),
        ([1], "its header is list"),
        ({"w": {"dtype": "F32", "shape": [2]}}, "no place for tensor 'w'"),
        ({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 99]}}, "byte 99 of 8"),
        ({"w": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}, "8 bytes, expected 12"),
    ],
)
def test_broken_headers(tmp_path: Path, header: object, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        TensorFile(_write(tmp_path / NAME, header, bytes(8)))


@pytest.mark.parametrize("data", [b"", b"abc", (1 << 60).to_bytes(8, "little")])
def test_no_header(tmp_path: Path, data: bytes) -> None:
    (tmp_path / NAME).write_bytes(data)
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        TensorFile(tmp_path / NAME)


def test_errors_name_the_file_and_the_tensor(source: Path) -> None:
    ckpt = Checkpoint(source)
    with pytest.raises(CheckpointError, match=r"model\.safetensors: tensor 'mean_norm\.weight'"):
        ckpt.tensor("mean_norm.weight", (1, 2))


def test_a_field_that_changes_the_computation(tmp_path: Path) -> None:
    ckpt = Checkpoint(random_reader(tmp_path / "s", hidden_act="gelu"))
    with pytest.raises(CheckpointError, match=r"hidden_act is 'gelu'; .* with 'silu' only"):
        ckpt.expect("hidden_act", "silu")
    ckpt.expect("absent", False)


def test_an_unknown_rotation(tmp_path: Path) -> None:
    scaling = {"rope_type": "spiral", "factor": 2.0}
    ckpt = Checkpoint(random_reader(tmp_path / "s", rope_scaling=scaling))
    with pytest.raises(CheckpointError, match="'spiral'; known are"):
        rotary(ckpt, 8)


def test_a_rotation_that_lacks_a_field(tmp_path: Path) -> None:
    ckpt = Checkpoint(random_reader(tmp_path / "s", rope_scaling={"type": "linear"}))
    with pytest.raises(CheckpointError, match="'linear' lack 'factor'"):
        rotary(ckpt, 8)

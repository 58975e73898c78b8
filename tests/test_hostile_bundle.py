"""Bundles come from strangers: what no exporter writes is refused, in one line, before it is used.

Each altered file gets a manifest with its true size and hash: a stranger would do the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import edgehybrid
from edgehybrid.bundle import MAX_FILES, open_bundle
from edgehybrid.errors import BundleDamaged
from edgehybrid.runtime.inspecting import describe

MANIFEST = "manifest.json"


@pytest.fixture
def bundle(tmp_path: Path, bundles: dict[str, Path]) -> Path:
    return Path(shutil.copytree(bundles["int8"], tmp_path / "bundle"))


def read(bundle: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((bundle / MANIFEST).read_text())
    return manifest


def write(bundle: Path, name: str, data: bytes) -> None:
    """Replace a file of the bundle, and what its manifest says of it."""
    manifest = read(bundle)
    (bundle / name).write_bytes(data)
    manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (bundle / MANIFEST).write_text(json.dumps(manifest))


def change(bundle: Path, alter: Callable[[dict[str, Any]], Any]) -> None:
    manifest = read(bundle)
    alter(manifest)
    (bundle / MANIFEST).write_text(json.dumps(manifest))


def refused(bundle: Path, match: str) -> None:
    with pytest.raises(BundleDamaged, match=match) as caught:
        describe(open_bundle(bundle))
    assert "\n" not in str(caught.value)


def refused_when_loaded(bundle: Path, match: str) -> None:
    with pytest.raises(BundleDamaged, match=match) as caught:
        edgehybrid.load(bundle)
    assert "\n" not in str(caught.value)


def test_the_manifest_is_a_link(bundle: Path, tmp_path: Path) -> None:
    shutil.move(bundle / MANIFEST, tmp_path / "elsewhere")
    (bundle / MANIFEST).symlink_to(tmp_path / "elsewhere")
    refused(bundle, "is a link, not a plain file")
    (tmp_path / "elsewhere").unlink()
    refused(bundle, "is a link, not a plain file")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
@pytest.mark.parametrize("name", [MANIFEST, "weights.bin", "tokenizer.json"])
def test_a_pipe_does_not_hang(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    os.mkfifo(bundle / name)
    refused(bundle, "is a folder, pipe or device, not a plain file")


def test_a_folder_for_a_file(bundle: Path) -> None:
    (bundle / "weights.bin").unlink()
    (bundle / "weights.bin").mkdir()
    refused(bundle, "weights.bin")


def test_names_that_no_system_can_open(bundle: Path) -> None:
    entry = {"bytes": 1, "sha256": "0"}
    change(bundle, lambda m: m["files"].update({"x" * 5000: entry}))
    refused(bundle, "cannot be read")


def test_too_many_files(bundle: Path) -> None:
    entry = {"bytes": 0, "sha256": "0"}
    change(bundle, lambda m: m.update(files={str(i): entry for i in range(MAX_FILES + 1)}))
    refused(bundle, f"lists {MAX_FILES + 1} files, over {MAX_FILES}")


@pytest.mark.parametrize("size", [True, -1, 1 << 50, 1.5, "7", None])
def test_sizes_that_are_none(bundle: Path, size: object) -> None:
    change(bundle, lambda m: m["files"]["weights.bin"].update(bytes=size))
    refused(bundle, r"gives 'weights.bin' .* bytes, which is not in")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('{"format": 1, "format": 2}', "names 'format' twice"),
        ('{"format": NaN}', "NaN is no number"),
        ('{"format": -Infinity}', "-Infinity is no number"),
        ('{"format": 1e999}', "1e999 is too large"),
        ('{"format": 1' + "0" * 100_000, "over 18 digits"),
        ("[" * 40 + "]" * 40, "nested more than 32 deep"),
        ("[" * 100_000, "nested more than 32 deep"),
        ('{"format": "\\ud800"}', "half a character"),
        ('{"format": 1} {}', "Extra data"),
    ],
)
def test_json_that_only_python_reads(bundle: Path, text: str, match: str) -> None:
    (bundle / MANIFEST).write_text(text)
    refused(bundle, match)
    (bundle / MANIFEST).write_bytes(b"\xff\xfe{}")
    refused(bundle, "is not JSON")


@pytest.mark.parametrize("name", ["\x1b[2Jgone", "two\nlines", "\u202egnp.exe"])
def test_names_that_steer_terminals(bundle: Path, name: str) -> None:
    change(bundle, lambda m: m.update(name=name))
    refused(bundle, "control characters in 'name'")


def set_layer(**fields: object) -> Callable[[dict[str, Any]], Any]:
    return lambda m: [layer.update(fields) for layer in m["layers"]]


def set_attention(**fields: object) -> Callable[[dict[str, Any]], Any]:
    return lambda m: [x.update(fields) for x in m["layers"] if x["mixer"] == "attention"]


@pytest.mark.parametrize(
    ("alter", "match"),
    [
        (lambda m: m["model"].update(vocab_size=1 << 50), "vocab_size is"),
        (lambda m: m["model"].update(hidden_size=-1), "hidden_size is -1"),
        (lambda m: m["model"].update(hidden_size=True), "hidden_size is True"),
        (lambda m: m["model"].update(hidden_size="48"), "hidden_size is '48'"),
        (lambda m: m["model"].update(step_costs=[1]), "step_costs"),
        (lambda m: m["model"].pop("step_costs"), "does not describe its files"),
        (lambda m: m.update(model=[]), "does not describe its files"),
        (lambda m: m.update(layers={}), "layers are not a list"),
        (lambda m: m.update(layers=[]), "layers are not a list"),
        (lambda m: m.update(layers=m["layers"] * 500), "layers are not a list"),
        (set_layer(mixer=["ssd"]), "does not describe|has a mixer"),
        (set_layer(mixer="parallel", parts=[{"mixer": "parallel"}]), "has a mixer 'parallel'"),
        (set_layer(heads=0), "heads is 0"),
        (set_layer(head_dim=1 << 40), "head_dim is"),
        (set_layer(n_groups=-1), "n_groups is -1"),
        (set_layer(scale="1", norm_eps="1"), "'1', not a number"),
        (set_attention(window=1 << 22, budget=1 << 22), "would keep .* numbers, over"),
        (set_layer(window=-1), "window is -1"),
        (set_layer(budget=1.5), "budget is 1.5"),
        (set_layer(heads=3, kv_heads=2, n_groups=2), "no multiple of"),
        (set_layer(unknown=1), "does not describe its files"),
        (lambda m: m["head"].update(kind="oracle"), "oracle"),
        (lambda m: m["head"].update(vector_size=1 << 40), "vector_size is"),
        (lambda m: m["head"].update(end_tokens=[1 << 31]), "end_tokens is"),
    ],
)
def test_sizes_out_of_bounds(
    bundle: Path, alter: Callable[[dict[str, Any]], Any], match: str
) -> None:
    change(bundle, alter)
    refused_when_loaded(bundle, match)


def test_weights_of_another_shape(bundle: Path) -> None:
    from safetensors.numpy import load, save

    tensors = load((bundle / "mixers.safetensors").read_bytes())
    name = next(name for name in tensors if name.endswith("conv_weight"))
    wide = tensors[name].repeat(100, axis=1)
    write(bundle, "mixers.safetensors", save({**tensors, name: wide}))
    refused(bundle, "mixer weight conv_weight has shape")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        struct.pack("<Q", 1 << 62),
        struct.pack("<Q", 50_000_000) + b"{" * 100,
        struct.pack("<Q", 4) + b"null",
        struct.pack("<Q", 60) + b'{"x": {"dtype": "BF16", "shape": [1], "data_offsets": [0,2]}}',
        struct.pack("<Q", 61) + b'{"x": {"dtype": "F32", "shape": [-1], "data_offsets": [0,4]}}',
    ],
)
def test_safetensors_that_are_none(bundle: Path, data: bytes) -> None:
    write(bundle, "mixers.safetensors", data)
    refused(bundle, r"mixers\.safetensors")


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 1000, b"\xff", b'{"model": {"type": "BPE"}}'])
def test_tokenizers_that_are_none(bundle: Path, data: bytes) -> None:
    write(bundle, "tokenizer.json", data)
    refused_when_loaded(bundle, r"tokenizer\.json cannot be used")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[]", "does not describe its files"),
        ('{"layers": 1, "layers": 2}', "names 'layers' twice"),
        ('{"layers": [], "embedding": NaN}', "NaN is no number"),
        ("[" * 100_000, "nested more than"),
    ],
)
def test_dense_json(bundle: Path, text: str, match: str) -> None:
    from edgehybrid.runtime.dense import Dense

    pytest.importorskip("numba")
    write(bundle, "dense.json", text.encode())
    with pytest.raises((BundleDamaged, TypeError), match=f"{match}|indices"):
        Dense(open_bundle(bundle)).described["layers"]

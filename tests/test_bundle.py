"""A bundle that is not what its manifest says is refused before anything is loaded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edgehybrid.bundle import DEFAULT, open_bundle
from edgehybrid.errors import BundleDamaged, BundleError, BundleNotFound, BundleTooNew


@pytest.fixture
def bundle(tmp_path: Path, bundles: dict[str, Path]) -> Path:
    return Path(shutil.copytree(bundles["int8"], tmp_path / "bundle"))


def _edit(bundle: Path, **fields: object) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest.update(fields)
    (bundle / "manifest.json").write_text(json.dumps(manifest))


def test_a_good_bundle_opens(bundle: Path) -> None:
    opened = open_bundle(bundle)
    assert opened.name == "tiny-int8"
    assert opened.file("weights.bin").is_file()
    with pytest.raises(BundleDamaged, match="does not list 'other'"):
        opened.file("other")


def test_the_default_bundle_opens() -> None:
    assert open_bundle().folder == DEFAULT


def test_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleNotFound, match=r"manifest.json is missing"):
        open_bundle(tmp_path)


def test_later_format(bundle: Path) -> None:
    _edit(bundle, format=99)
    with pytest.raises(BundleTooNew, match="format 99, this version reads up to 1"):
        open_bundle(bundle)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "1"}', "[" * 100_000, '{"format": 1}'])
def test_manifest_of_another_shape(bundle: Path, text: str) -> None:
    (bundle / "manifest.json").write_text(text)
    with pytest.raises(BundleDamaged):
        open_bundle(bundle)


def test_huge_manifest(bundle: Path) -> None:
    (bundle / "manifest.json").write_text(" " * (2 << 20))
    with pytest.raises(BundleDamaged, match="over"):
        open_bundle(bundle)


def test_missing_file(bundle: Path) -> None:
    (bundle / "weights.bin").unlink()
    with pytest.raises(BundleDamaged, match=r"weights\.bin is missing"):
        open_bundle(bundle)


def test_truncated_file(bundle: Path) -> None:
    data = (bundle / "weights.bin").read_bytes()
    (bundle / "weights.bin").write_bytes(data[:-1])
    with pytest.raises(BundleDamaged, match=f"has {len(data) - 1} bytes"):
        open_bundle(bundle)


def test_altered_file(bundle: Path) -> None:
    data = bytearray((bundle / "weights.bin").read_bytes())
    data[100] ^= 1
    (bundle / "weights.bin").write_bytes(data)
    with pytest.raises(BundleDamaged, match="altered"):
        open_bundle(bundle)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", "", ".."])
def test_a_path_that_leaves_the_folder(bundle: Path, name: str) -> None:
    _edit(bundle, files={name: {"bytes": 1, "sha256": "0"}})
    with pytest.raises(BundleDamaged, match="not a plain file"):
        open_bundle(bundle)


def test_a_symbolic_link(bundle: Path, tmp_path: Path) -> None:
    shutil.move(bundle / "weights.bin", tmp_path / "elsewhere")
    (bundle / "weights.bin").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleDamaged, match="not a plain file"):
        open_bundle(bundle)


def test_unknown_mixer(bundle: Path) -> None:
    import edgehybrid

    _edit(bundle, layers=[{"mixer": "telepathy"}])
    with pytest.raises(BundleError, match="'telepathy'; known are"):
        edgehybrid.load(bundle)

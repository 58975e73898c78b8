"""Opening a bundle: manifest, sizes and hashes are checked before anything is loaded.

A bundle is a flat folder that the exporter wrote:

    manifest.json          what the runtime needs to know, and size and sha256 of each file
    segment.N.onnx         the dense parts between mixers
    inner.N.onnx           the dense part inside a mixer, where it has one
    sentence.onnx, head.onnx, or logits.onnx of a language model
    weights.bin            the graphs' large weights (ONNX external data, aligned)
    dense.json             the same dense parts for kernels, where these can do them all
    writing.json, .bin     other weights of these that only write, where a bundle has two sets
    mixers.safetensors     the mixers' own weights, as the kernels want them
    tokenizer.json
    chat_template.jinja    how the model wants turns to be written, if it was trained on such
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgehybrid.errors import BundleDamaged, BundleNotFound, BundleTooNew

FORMAT = 1
WRITING, WRITING_WEIGHTS = "writing.json", "writing.bin"
MANIFEST, WEIGHTS, DENSE, MIXERS, TOKENIZER, CHAT_TEMPLATE = (
    "manifest.json",
    "weights.bin",
    "dense.json",
    "mixers.safetensors",
    "tokenizer.json",
    "chat_template.jinja",
)
DEFAULT = Path(__file__).parent / "bundles" / "reader"
MAX_MANIFEST_BYTES = 1 << 20


@dataclass(frozen=True)
class Bundle:
    """A folder whose files are what its manifest says."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        """A short name for reports, such as `reader-int8`."""
        return str(self.manifest["name"])

    @property
    def fingerprint(self) -> str:
        """sha256 of the manifest, which has that of every file: equal only for equal bundles."""
        told = json.dumps(self.manifest, sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()

    def file(self, name: str) -> Path:
        """The path of a file that the manifest lists."""
        if name not in self.manifest["files"]:
            raise BundleDamaged(f"{self.folder / MANIFEST} does not list {name!r}")
        return self.folder / name


def open_bundle(folder: Path | None = None) -> Bundle:
    """Check the bundle in `folder` (the default bundle if None) without loading it.

    Raises:
        BundleNotFound: there is no bundle.
        BundleTooNew: its format is later than this version reads.
        BundleDamaged: a file is missing, leaves the folder, or has another size or hash.
    """
    folder = DEFAULT if folder is None else Path(folder)
    manifest = _read_manifest(folder / MANIFEST)
    for name, expected in manifest["files"].items():
        _check_file(folder, name, expected)
    return Bundle(folder, manifest)


def _read_manifest(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise BundleNotFound(f"no bundle in {path.parent}: {path.name} is missing")
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise BundleDamaged(f"{path} is {path.stat().st_size} bytes, over {MAX_MANIFEST_BYTES}")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BundleDamaged(f"{path} is not JSON ({error}); export the bundle again") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("format"), int):
        raise BundleDamaged(f"{path} has no format number; export the bundle again")
    if manifest["format"] > FORMAT:
        raise BundleTooNew(
            f"{path} has format {manifest['format']}, this version reads up to {FORMAT}: "
            "update edgehybrid"
        )
    required = {"name", "family", "model", "layers", "head", "router", "files"}
    missing = sorted(required - manifest.keys())
    if missing or not isinstance(manifest["files"], dict):
        raise BundleDamaged(
            f"{path} lacks {', '.join(missing) or 'files'}; export the bundle again"
        )
    return manifest


def _check_file(folder: Path, name: str, expected: Any) -> None:
    path = folder / name
    if name != Path(name).name or name in ("", ".", "..") or path.is_symlink():
        raise BundleDamaged(f"{folder / MANIFEST} lists {name!r}, which is not a plain file in it")
    if not path.is_file():
        raise BundleDamaged(f"{path} is missing; export or install the bundle again")
    if not isinstance(expected, dict) or not {"bytes", "sha256"} <= expected.keys():
        raise BundleDamaged(f"{folder / MANIFEST} gives no size and hash for {name!r}")
    size = path.stat().st_size
    if size != expected["bytes"]:
        raise BundleDamaged(f"{path} has {size} bytes, its manifest says {expected['bytes']}")
    digest = _sha256(path)
    if digest != expected["sha256"]:
        raise BundleDamaged(f"{path} is altered: sha256 {digest[:12]}…, not the manifest's")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()

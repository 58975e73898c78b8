"""Opening a bundle: manifest, sizes and hashes are checked before anything is loaded.

A bundle is a flat folder that the exporter wrote:

    manifest.json          what the runtime needs to know, and size and sha256 of each file
    segment.N.onnx         the dense parts between mixers
    inner.N.onnx           the dense part inside a mixer, where it has one
    sentence.onnx, head.onnx, or logits.onnx of a language model
    step.onnx              the whole model as one graph, for places without Python; not read here
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
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from edgehybrid.errors import BundleDamaged, BundleNotFound, BundleTooNew
from edgehybrid.jsons import JsonError, parse_json

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
#: Real bundles: at most 23 KB of manifest, 170 files, 40 KB in a graph, 33 MB of tokenizer.
MAX_MANIFEST_BYTES, MAX_FILES = 1 << 20, 1024
MAX_WEIGHT_BYTES, MAX_OTHER_BYTES = 1 << 38, 1 << 27
_OF_WEIGHTS = (".bin", ".safetensors")
#: What steers terminals, or swaps the order of what is read there.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


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
    def languages(self) -> tuple[str, ...] | None:
        """What the model was trained on (ISO 639); None if the manifest does not say."""
        told = self.manifest.get("languages")
        return None if told is None else tuple(map(str, told))

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


def read_json(path: Path, max_bytes: int) -> Any:
    """What a JSON file of a bundle says.

    Raises:
        BundleDamaged: it is too long, no plain file, or not JSON as `parse_json` reads it.
    """
    data = read_file(path, max_bytes)
    try:
        return parse_json(data)
    except JsonError as error:
        raise BundleDamaged(f"{path} is not JSON ({error}); export the bundle again") from error


def read_file(path: Path, max_bytes: int) -> bytes:
    """All bytes of a file of a bundle.

    Raises:
        BundleDamaged: it is too long, or no plain file.
    """
    with _plain(path) as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise BundleDamaged(f"{path} has over {max_bytes} bytes; export the bundle again")
    return data


def _read_manifest(path: Path) -> dict[str, Any]:
    if not os.path.lexists(path):
        raise BundleNotFound(f"no bundle in {path.parent}: {path.name} is missing")
    manifest = read_json(path, MAX_MANIFEST_BYTES)
    if not isinstance(manifest, dict) or type(manifest.get("format")) is not int:
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
    if len(manifest["files"]) > MAX_FILES:
        raise BundleDamaged(f"{path} lists {len(manifest['files'])} files, over {MAX_FILES}")
    languages = manifest.get("languages", [])
    if not isinstance(languages, list) or not all(isinstance(name, str) for name in languages):
        raise BundleDamaged(f"{path} has languages {languages!r}, not a list of their codes")
    _check_printable(path, manifest)
    return manifest


def _check_printable(path: Path, manifest: dict[str, Any]) -> None:
    """What is shown to people must not steer their terminals; tokens of a prompt are not shown."""
    shown = {name: value for name, value in manifest.items() if name != "prompt"}
    for key, text in _strings(shown):
        if _CONTROL.search(text):
            raise BundleDamaged(f"{path} has control characters in {key!r}: {text[:80]!r}")


def _strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """All strings in `value`, each after the name under which it stands."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield key, name
            yield from _strings(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, key)


def _check_file(folder: Path, name: str, expected: Any) -> None:
    path = folder / name
    if name != Path(name).name or name in ("", ".", ".."):
        raise BundleDamaged(f"{folder / MANIFEST} lists {name!r}, which is not a plain file in it")
    size = _expected_size(folder, name, expected)
    with _plain(path) as file:
        found = os.fstat(file.fileno()).st_size
        if found != size:
            raise BundleDamaged(f"{path} has {found} bytes, its manifest says {size}")
        digest = _sha256(file)
    if digest != expected["sha256"]:
        raise BundleDamaged(f"{path} is altered: sha256 {digest[:12]}…, not the manifest's")


def _expected_size(folder: Path, name: str, expected: Any) -> int:
    if not isinstance(expected, dict) or not {"bytes", "sha256"} <= expected.keys():
        raise BundleDamaged(f"{folder / MANIFEST} gives no size and hash for {name!r}")
    size = expected["bytes"]
    largest = MAX_WEIGHT_BYTES if name.endswith(_OF_WEIGHTS) else MAX_OTHER_BYTES
    if type(size) is not int or not 0 <= size <= largest:
        raise BundleDamaged(
            f"{folder / MANIFEST} gives {name!r} {size!r} bytes, which is not in 0..{largest}"
        )
    return size


@contextmanager
def _plain(path: Path) -> Iterator[IO[bytes]]:
    """The file, open to read: a link could lead anywhere, and a pipe or device could never end."""
    flags = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
    try:
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode):
            what = "a link" if stat.S_ISLNK(mode) else "a folder, pipe or device"
            raise BundleDamaged(f"{path} is {what}, not a plain file: put a copy of the file there")
        file = os.fdopen(os.open(path, os.O_RDONLY | flags), "rb")
    except FileNotFoundError:
        raise BundleDamaged(f"{path} is missing; export or install the bundle again") from None
    except (OSError, ValueError) as error:
        raise BundleDamaged(f"{path} cannot be read: {error}") from error
    with file:
        yield file


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()

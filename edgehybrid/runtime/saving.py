"""A stream's state as a file, and back.

The file is safetensors: names, types and shapes as JSON, then plain numbers; no code. Its metadata
say, as JSON under `edgehybrid`:

    format      of these fields and of the tensors' names
    bundle      name, and sha256 of the manifest, which has that of every file
    position    tokens read
    kind        budget, router, sha256 of a fitted router, and the type of the states
    document    what was read, as the caller told
    sha256      of all of these and of all tensors

A sum shows what was damaged, not what was made to do harm: numbers that kernels would follow
without looking (places, counts, heaps) are looked at as well when they are restored.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load
from safetensors.numpy import save as dump

from edgehybrid.errors import (
    BundleError,
    RequestError,
    StateDamaged,
    StateError,
    StateNotFound,
    StateOfAnotherBundle,
    StateTooNew,
)
from edgehybrid.files import write_whole
from edgehybrid.runtime.budgets import ByLayer, parse
from edgehybrid.runtime.digest import digest
from edgehybrid.runtime.routers import fitted
from edgehybrid.runtime.stream import Kind
from edgehybrid_kernels import KernelError

if TYPE_CHECKING:
    from edgehybrid.runtime.model import Model
    from edgehybrid.runtime.stream import Stream

#: Format 1 did not say by which router tokens were kept.
FORMAT = 2
KEY = "edgehybrid"
#: Names and shapes of some thousand tensors, and what is said of the document, need no more bytes.
MAX_HEADER_BYTES = 1 << 20
MAX_DOCUMENT_BYTES = 1 << 16
#: Name, type and shape of a tensor, as JSON, at most.
HEADER_BYTES = 256
#: What may be halved; logits, sums and scores are small, and decide more.
HALVED = ("recurrent", "conv", "keys", "values")
Tensors = dict[str, NDArray[Any]]


def save(stream: Stream, path: str | os.PathLike[str], *, half: bool) -> int:
    """Write the state of `stream`; see `Stream.save`."""
    tensors = {name: _packed(array) for name, array in stream.tensors().items()}
    if half:
        tensors = _halved(tensors)
    bundle = stream.model.bundle
    said = {
        "format": FORMAT,
        "bundle": {"name": bundle.name, "sha256": bundle.fingerprint},
        "position": stream.position,
        "kind": stream.kind._asdict(),
        "document": stream.document,
    }
    if len(json.dumps(stream.document)) > MAX_DOCUMENT_BYTES:
        raise RequestError(f"stream.document is over {MAX_DOCUMENT_BYTES} bytes as JSON")
    said["sha256"] = digest(said, tensors)
    data = dump(tensors, metadata={KEY: json.dumps(said)})
    try:
        write_whole(Path(path), data)
    except OSError as error:
        raise StateError(f"cannot write {path}: {error.strerror or error}") from error
    return len(data)


def size_of(stream: Stream, *, half: bool) -> int:
    """Bytes that the file of `stream` will take, at most, if all that may be halved can be."""
    sizes = (
        array.nbytes // (2 if half and _may_be_halved(name, array) else 1)
        for name, array in stream.tensors().items()
    )
    return sum(sizes) + MAX_DOCUMENT_BYTES + HEADER_BYTES * len(stream.tensors())


def resume(model: Model, path: str | os.PathLike[str]) -> Stream:
    """A stream from a file; see `Model.resume`."""
    data = _read(Path(path))
    said = _described(data, path)
    bundle = model.bundle
    if said["bundle"]["sha256"] != bundle.fingerprint:
        raise StateOfAnotherBundle(
            f"{path} is a state of {said['bundle']['name']!r} "
            f"({said['bundle']['sha256'][:12]}…), not of {bundle.name!r} "
            f"({bundle.fingerprint[:12]}…): load that bundle, or read the document again"
        )
    kind = Kind(**said["kind"])
    _check_probe(model, path, kind)
    try:
        budget = parse(kind.budget) if isinstance(kind.budget, str) else kind.budget
        if _tokens(budget) > len(data):  # each slot takes more than a byte
            raise StateDamaged(f"{path} has {len(data)} bytes, too few for a budget of {budget}")
        tensors = load(data)
        if digest(_without_sum(said), tensors) != said["sha256"]:
            raise StateDamaged(f"{path} is altered: its sha256 is not the one it names")
        how: dict[str, Any] = {"budget": budget, "router": kind.router, "state": kind.state}
        stream = model.stream(**how)
        if stream.kind != kind:
            raise StateDamaged(f"{path} says {kind}, which no stream of {bundle.name} is")
        stream.restore(_like(stream.tensors(), tensors), said["position"])
    except (SafetensorError, KernelError, RequestError, ValueError) as error:
        raise StateDamaged(f"{path} is no state of {bundle.name}: {error}") from error
    stream.document = said["document"]
    return stream


def _tokens(budget: int | ByLayer | None) -> int:
    """The largest number of each layer, added."""
    each = budget.values() if isinstance(budget, dict) else (budget or 0,)
    return sum(n if isinstance(n, int) else max(n) for n in each)


def _check_probe(model: Model, path: str | os.PathLike[str], kind: Kind) -> None:
    """Raise unless the fitted router that a state was read with, if it was, is still there."""
    if kind.probe is None:
        return
    try:
        found = fitted.load(model.bundle, fitted.shapes(model.mixers)).sha256
    except (RequestError, BundleError) as error:
        raise StateOfAnotherBundle(f"{path} was read with a fitted router: {error}") from error
    if found != kind.probe:
        raise StateOfAnotherBundle(
            f"{path} was read with another fitted router ({kind.probe[:12]}…) than "
            f"{model.bundle.name} has now ({found[:12]}…): read the document again"
        )


def describe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What the file at `path` says of itself, unchecked.

    Raises:
        StateError: it is missing, damaged or too new.
    """
    return _described(_read(Path(path)), path)


def _read(path: Path) -> bytes:
    try:
        # a pipe or a device in its place must not make us wait
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise StateDamaged(f"{path} is not a regular file")
            return file.read()
    except OSError as error:
        raise StateNotFound(f"cannot read {path}: {error.strerror or error}") from error


def _described(data: bytes, path: str | os.PathLike[str]) -> dict[str, Any]:
    """The fields of the metadata, whose types are right; the sum is not yet looked at."""
    size = int.from_bytes(data[:8], "little")
    if not 2 <= size <= min(MAX_HEADER_BYTES, len(data) - 8):
        raise StateDamaged(f"{path} is truncated, or no state file ({len(data)} bytes)")
    try:
        said = json.loads(json.loads(data[8 : 8 + size])["__metadata__"][KEY])
        version = said["format"]
        if isinstance(version, int) and version > FORMAT:
            raise StateTooNew(
                f"{path} has format {version}, this version reads up to {FORMAT}: update edgehybrid"
            )
        if isinstance(version, int) and version < FORMAT:
            raise StateError(
                f"{path} has format {version}, this version reads {FORMAT}: read the document again"
            )
        fits = _fits(said)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StateDamaged(f"{path} is damaged, or no state file: {error!r}") from error
    if not fits:
        raise StateDamaged(f"{path} is damaged: its description lacks something")
    return dict(said)


def _fits(said: Any) -> bool:
    kind = said["kind"]
    return (
        said.keys() == {"format", "bundle", "position", "kind", "document", "sha256"}
        and kind.keys() == {*Kind._fields}
        and type(said["format"]) is int
        and type(said["position"]) is int
        and (type(kind["budget"]) is int or isinstance(kind["budget"], str | None))
        and isinstance(kind["state"], str)
        and isinstance(kind["router"], str | None)
        and isinstance(kind["probe"], str | None)
        and isinstance(said["bundle"]["name"], str)
        and isinstance(said["bundle"]["sha256"], str)
        and isinstance(said["sha256"], str)
        and isinstance(said["document"], dict | None)
    )


def _without_sum(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name != "sha256"}


def _halved(tensors: Tensors) -> Tensors:
    """The same in half precision, where it fits; the scale of a state is multiplied in."""
    made = dict(tensors)
    for name, array in tensors.items():
        if not _may_be_halved(name, array):
            continue
        prefix, _, kind = name.rpartition(".")
        scale = tensors.get(f"{prefix}.scale") if kind == "recurrent" else None
        whole = array if scale is None else array * scale[:, None, None]
        with np.errstate(over="ignore"):
            half = whole.astype(np.float16)
        if np.isfinite(half).all():
            made[name] = half
            if scale is not None:
                made[f"{prefix}.scale"] = np.ones_like(scale)
    return made


def _may_be_halved(name: str, array: NDArray[Any]) -> bool:
    return name.rpartition(".")[2] in HALVED and array.dtype == np.float32


def _packed(array: NDArray[Any]) -> NDArray[Any]:
    """As it is written: truths are bits."""
    return np.packbits(array) if array.dtype == np.bool_ else np.ascontiguousarray(array)


def _like(own: Mapping[str, NDArray[Any]], tensors: Tensors) -> Tensors:
    """`tensors` with the types that those of a stream have: bits unpacked, halves made whole.

    Raises:
        KernelError: there are others than a stream has.
    """
    if unknown := sorted(tensors.keys() ^ own.keys()):
        raise KernelError(f"{unknown[0]} is missing, or too much")
    return {name: _unpacked(own[name], array) for name, array in tensors.items()}


def _unpacked(own: NDArray[Any], array: NDArray[Any]) -> NDArray[Any]:
    if own.dtype == np.bool_ and array.dtype == np.uint8 and 8 * array.size >= own.size:
        return np.unpackbits(array, count=own.size).astype(np.bool_)
    if own.dtype == np.float32 and array.dtype == np.float16:
        return array.astype(np.float32)
    return array

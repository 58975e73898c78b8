"""A linear probe of each layer and KV head on the key and the value: score = w . [k, v].

It is fitted on somebody's own text and lies in a file of its own in the bundle's folder,
`router.safetensors`, which the manifest does not list: a bundle stays what it is when a probe is
fitted to it. A constant is not kept, since it would change no order within a head.

    layers.N.weight    (Hk, Dh + Dv) float32 of each layer N (0 is the first) that can route; a
                       row is first what the key is multiplied with, then the value

Its metadata say, as JSON under `edgehybrid`:

    format      of these fields and of the tensors' names
    bundle      name, and sha256 of the manifest of the bundle that it was fitted to
    fit         how it was fitted: any JSON object
    sha256      of all of these and of all tensors

Keys and values are those that the cache holds: of a model with rotary positions the keys are
rotated, so that a probe can only use what survives rotation (norms, slow dimensions, the value).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as parse
from safetensors.numpy import save as dump

from edgehybrid.bundle import Bundle, read_file
from edgehybrid.errors import BundleDamaged, BundleTooNew, RequestError
from edgehybrid.files import write_whole
from edgehybrid.jsons import parse_json
from edgehybrid.runtime.digest import digest
from edgehybrid.runtime.routers.router import scored_by

if TYPE_CHECKING:
    from edgehybrid.runtime.mixers import Mixer

Array = NDArray[np.float32]
ROUTER = scored_by("fitted")
FILE, KEY, FORMAT = "router.safetensors", "edgehybrid", 1
#: 512 layers of 32 heads of 512 + 512 numbers need no more.
MAX_BYTES = 1 << 26
MAX_HEADER_BYTES = 1 << 20


class Probe(NamedTuple):
    """What the file holds.

    Attributes:
        weights: by layer, (Hk, Dh + Dv).
        fit: how it was fitted.
        sha256: equal only for equal probes.
    """

    weights: dict[int, Array]
    fit: dict[str, Any]
    sha256: str


def place(bundle: Bundle) -> Path:
    """Where the probe of a bundle is."""
    return bundle.folder / FILE


def shapes(mixers: Sequence[Mixer]) -> dict[int, tuple[int, int]]:
    """(Hk, Dh + Dv) of each layer that can route: those of attention without a trained window."""
    from edgehybrid.runtime.mixers import attention_of

    found = {}
    for i, mixer in enumerate(mixers):
        attention = attention_of(mixer)
        if attention is not None and attention.can_route:
            _, keys, values = attention.sizes
            found[i] = (attention.kv_heads, (keys + values) // attention.kv_heads)
    return found


def write(
    bundle: Bundle,
    weights: Mapping[int, Array],
    fit: Mapping[str, Any],
    path: Path | None = None,
) -> Path:
    """Write the probe of a bundle, in place of an earlier one; the file's path.

    Args:
        bundle: whose keys and values it was fitted to.
        weights: by layer, (Hk, Dh + Dv) float32, of all that :func:`shapes` names.
        fit: how it was fitted, as plain values.
        path: where to; the bundle's folder, where it is looked for, if None.

    Raises:
        RequestError: the file cannot be written.
    """
    tensors = {f"layers.{i}.weight": np.ascontiguousarray(w, "<f4") for i, w in weights.items()}
    said: dict[str, Any] = {
        "format": FORMAT,
        "bundle": {"name": bundle.name, "sha256": bundle.fingerprint},
        "fit": dict(fit),
    }
    said["sha256"] = digest(said, tensors)
    path = path or place(bundle)
    try:
        write_whole(path, dump(tensors, metadata={KEY: json.dumps(said)}))
    except OSError as error:
        raise RequestError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def load(bundle: Bundle, wanted: Mapping[int, tuple[int, int]]) -> Probe:
    """The probe of a bundle whose layers have the shapes `wanted`, see :func:`shapes`.

    Raises:
        RequestError: there is none, or it was fitted to another bundle.
        BundleTooNew: a later version wrote it.
        BundleDamaged: it is altered, or is not of such layers.
    """
    path = place(bundle)
    if not os.path.lexists(path):
        raise RequestError(
            f"router 'fitted': there is no {FILE} in {bundle.folder}; fit one with "
            "`edgehybrid fit-router`"
        )
    data = read_file(path, MAX_BYTES)
    said = _described(path, data)
    try:
        tensors = parse(data)
        sha256 = digest({k: v for k, v in said.items() if k != "sha256"}, tensors)
    except (SafetensorError, LookupError, TypeError, ValueError) as error:
        raise BundleDamaged(f"{path} cannot be loaded ({error}); fit it again") from error
    if sha256 != said["sha256"]:
        raise BundleDamaged(f"{path} is altered: its sha256 is not the one it names; fit it again")
    if said["bundle"]["sha256"] != bundle.fingerprint:
        raise RequestError(
            f"router 'fitted': {path} was fitted to {said['bundle']['name']!r:.80} "
            f"({said['bundle']['sha256'][:12]}…), not to {bundle.name!r} "
            f"({bundle.fingerprint[:12]}…); fit it again"
        )
    _check_tensors(path, tensors, wanted)
    return Probe({i: tensors[f"layers.{i}.weight"] for i in wanted}, said["fit"], sha256)


def _described(path: Path, data: bytes) -> dict[str, Any]:
    """The fields of the metadata, whose types are right."""
    size = int.from_bytes(data[:8], "little")
    if not 2 <= size <= min(MAX_HEADER_BYTES, len(data) - 8):
        raise BundleDamaged(f"{path} is truncated, or no probe ({len(data)} bytes); fit it again")
    try:
        said = parse_json(parse_json(data[8 : 8 + size])["__metadata__"][KEY].encode())
        version = said["format"]
        fits = (
            said.keys() == {"format", "bundle", "fit", "sha256"}
            and type(version) is int
            and isinstance(said["fit"], dict)
            and all(isinstance(said["bundle"][name], str) for name in ("name", "sha256"))
        )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise BundleDamaged(f"{path} is damaged, or no probe ({error!r}); fit it again") from error
    if type(version) is int and version > FORMAT:
        raise BundleTooNew(
            f"{path} has format {version}, this version reads up to {FORMAT}: update edgehybrid"
        )
    if not fits:
        raise BundleDamaged(f"{path} is damaged: its description lacks something; fit it again")
    return dict(said)


def _check_tensors(
    path: Path, tensors: Mapping[str, NDArray[Any]], wanted: Mapping[int, tuple[int, int]]
) -> None:
    names = {f"layers.{i}.weight": shape for i, shape in wanted.items()}
    if odd := sorted(names.keys() ^ tensors.keys()):
        raise BundleDamaged(f"{path}: {odd[0]:.80} is missing, or too much; fit it again")
    for name, shape in names.items():
        found = tensors[name]
        if found.dtype != np.float32 or found.shape != shape:
            raise BundleDamaged(
                f"{path} has {name} of {found.dtype} {found.shape}, expected float32 {shape}"
            )
        if not np.isfinite(found).all():
            raise BundleDamaged(f"{path} has NaN or infinity in {name}; fit it again")

"""What a bundle is made of, without loading its graphs."""

from __future__ import annotations

from typing import Any

from edgehybrid.bundle import Bundle
from edgehybrid.runtime.mixers import Attention, Mixer, Parallel, load_mixers
from edgehybrid.runtime.routers import Asked
from edgehybrid.runtime.sizes import as_damaged, check_sizes, is_number
from edgehybrid.runtime.state import FullCache

BYTES_OF_A_FLOAT = 4


def describe(bundle: Bundle) -> dict[str, Any]:
    """Layers, bytes on disk and in memory, router and licence, as plain values.

    Raises:
        BundleDamaged: the manifest does not describe the mixers' weights.
    """
    with as_damaged(bundle):
        check_sizes(bundle)
        return _described(bundle, load_mixers(bundle))


def _described(bundle: Bundle, mixers: list[Mixer]) -> dict[str, Any]:
    manifest = bundle.manifest
    _check_shown(manifest)
    return {
        "name": bundle.name,
        "family": manifest["family"],
        "weights": manifest.get("weights"),
        "licence": manifest.get("licence", "unknown"),
        "exporter": manifest.get("exporter"),
        "vocab_size": manifest["model"]["vocab_size"],
        "hidden_size": manifest["model"]["hidden_size"],
        "head": manifest["head"]["kind"],
        "router": manifest["router"],
        "layers": [
            {"mixer": _kind(entry), "state_bytes": _constant_bytes(mixer)}
            for entry, mixer in zip(manifest["layers"], mixers, strict=True)
        ],
        "state_bytes": sum(map(_constant_bytes, mixers)),
        "state_bytes_per_token": sum(map(_growing_bytes, mixers)),
        "weight_bytes": manifest.get("parts"),
        "files": {name: entry["bytes"] for name, entry in manifest["files"].items()},
        "loss": manifest.get("loss"),
    }


def _check_shown(manifest: dict[str, Any]) -> None:
    """Raise unless what is only shown has the shape in which it is shown."""
    calibration = (manifest.get("loss") or {}).get("calibration") or {}
    numbers = [*(manifest.get("parts") or {}).values(), *calibration.values()]
    if not isinstance(manifest["router"]["kind"], str) or not all(map(is_number, numbers)):
        raise TypeError("router, parts or loss")
    if calibration and not {"tokens", "mean_kl", "top1_agreement"} <= calibration.keys():
        raise KeyError("calibration")


def _kind(entry: dict[str, Any]) -> str:
    parts = entry.get("parts")
    return " + ".join(p["mixer"] for p in parts) if parts else str(entry["mixer"])


def _constant_bytes(mixer: Mixer) -> int:
    """Bytes of state whose size does not depend on the number of tokens."""
    if isinstance(mixer, Parallel):
        return sum(map(_constant_bytes, mixer.parts))
    cache = mixer.alloc(Asked())
    return 0 if isinstance(cache, FullCache) else cache.nbytes


def _growing_bytes(mixer: Mixer) -> int:
    """Bytes of keys and values that each token adds where all are kept."""
    if isinstance(mixer, Parallel):
        return sum(map(_growing_bytes, mixer.parts))
    if isinstance(mixer, Attention) and mixer.window is None:
        return sum(mixer.sizes[1:]) * BYTES_OF_A_FLOAT
    return 0

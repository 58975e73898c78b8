"""Everything at once, and the verdict."""

from __future__ import annotations

import platform
from typing import Any

from edgehybrid.doctor import computing, folders, memory, packages, processor
from edgehybrid.doctor.advice import advice
from edgehybrid.doctor.reading import examine_bundle, try_reading


def examine() -> dict[str, Any]:
    """All findings as plain values; `reading.reads` is the verdict."""
    bundle, told = examine_bundle()
    found: dict[str, Any] = {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "processor": processor.examine(),
        "memory": memory.examine(),
        "packages": packages.examine(),
        "bundle": told,
        "computing": None,
        "readings": folders.examine(),
        "reading": {"reads": False, "error": told["error"], "seconds": 0.0},
    }
    if bundle is not None:
        found["computing"] = _safely(bundle)
        if "error" not in found["computing"]:
            found["reading"] = try_reading(found["computing"])
        else:
            found["reading"]["error"] = found["computing"].pop("error")
            found["computing"] = None
    return found | {"advice": advice(found)}


def _safely(bundle: Any) -> dict[str, Any]:
    """What computes, or an `error`: a broken installation is found here first."""
    try:
        return computing.examine(bundle)
    except Exception as error:
        return {"error": " ".join(f"{type(error).__name__}: {error}".split())[:500]}

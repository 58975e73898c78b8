"""The default bundle, and whether it reads: it is tried."""

from __future__ import annotations

import time
from typing import Any

from edgehybrid.bundle import DEFAULT, Bundle, open_bundle
from edgehybrid.errors import EdgehybridError

TEXT = (
    "The river rose for three days. On the fourth day the bridge was closed, and the town was cut "
    "in two. The baker sold bread from a boat."
)


def examine_bundle() -> tuple[Bundle | None, dict[str, Any]]:
    """The bundle, if every file has its checksum; and what is told of it."""
    told: dict[str, Any] = {"path": str(DEFAULT), "name": None, "bytes": None, "error": None}
    try:
        bundle = open_bundle()
    except (EdgehybridError, OSError) as error:
        return None, told | {"error": str(error)}
    size = sum(entry["bytes"] for entry in bundle.manifest["files"].values())
    return bundle, told | {"name": bundle.name, "bytes": size}


def try_reading(computing: dict[str, Any]) -> dict[str, Any]:
    """Read a few sentences; with NumPy where Numba would have to compile first, some 10 to 20 s."""
    numba = computing["numba"]
    ready = numba is not None and numba["compiled"]
    began = time.monotonic()
    try:
        import edgehybrid

        model = edgehybrid.load(kernels="numba" if ready else "numpy")
        document = edgehybrid.Document.from_text(TEXT)
        points = edgehybrid.summarize(document, points=1, model=model).points
        error = None if points else "no sentence was found in a text that has some"
    except Exception as caught:  # whatever is wrong here is what the user asked for
        error = " ".join(f"{type(caught).__name__}: {caught}".split())[:500]
    seconds = round(time.monotonic() - began, 3)
    return {"reads": error is None, "error": error, "seconds": seconds}

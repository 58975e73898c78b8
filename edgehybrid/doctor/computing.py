"""What computes the default reader here, and why: kernels alone, or with graphs, or NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgehybrid.bundle import DENSE, Bundle
from edgehybrid.doctor.folders import is_writable
from edgehybrid_kernels import KernelError, is_compiled, load_kernels, multiplies_bytes_fast


def examine(bundle: Bundle) -> dict[str, Any]:
    """The route, the reason, and the folder in which Numba keeps machine code.

    Returns:
        `route` as `Model.route` has it; `why`; `numba`: None where it cannot be used, else `cache`
        (a path, or None if it has none), `writable` and `compiled`.
    """
    try:
        load_kernels("numba")
    except KernelError as error:
        return {"route": "numpy with graphs", "why": str(error), "numba": None}
    alone, why = _alone(bundle)
    route = f"numba {'alone' if alone else 'with graphs'}"
    return {"route": route, "why": why, "numba": _cache(_tasks(bundle, alone=alone))}


def _alone(bundle: Bundle) -> tuple[bool, str]:
    if DENSE not in bundle.manifest["files"]:
        return False, "this bundle has parts that only graphs can compute"
    if not multiplies_bytes_fast():
        return False, "this processor has no fast products of bytes (VNNI, AVX2 or dotprod)"
    return True, "Numba is installed, and this processor has fast products of bytes"


def _tasks(bundle: Bundle, *, alone: bool) -> set[str]:
    from edgehybrid.runtime.mixers import load_mixers

    mixers = load_mixers(bundle)
    if not alone:
        return {name for mixer in mixers for name in mixer.kernels}
    from edgehybrid.runtime.dense import Dense
    from edgehybrid.runtime.engine import needed_tasks

    return needed_tasks(Dense(bundle), mixers)


def _cache(names: set[str]) -> dict[str, Any]:
    from edgehybrid_kernels import cache_folder

    folder: Path | None = cache_folder()
    return {
        "cache": None if folder is None else str(folder),
        "writable": folder is not None and is_writable(folder),
        "compiled": is_compiled(names),
    }

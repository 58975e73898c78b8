"""The processor: its name, the instructions that kernels profit from, and its cores."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgehybrid.bench.machine import processor_name
from edgehybrid.cores import available_cores

#: What is told, by kind of processor: the names that LLVM, Linux and NumPy have for it.
FEATURES = {
    "x86": {
        "AVX2": {"avx2", "x86_v3", "x86_v4"},
        "AVX-512": {"avx512f", "avx512_skx", "x86_v4"},
        "VNNI": {"avx512vnni", "avx512_vnni", "avxvnni", "avx_vnni", "avx512_icl"},
    },
    "arm": {
        "NEON": {"neon", "asimd"},
        "dotprod": {"dotprod", "asimddp"},
        "i8mm": {"i8mm"},
    },
}


def examine() -> dict[str, Any]:
    """Name, kind, features by name (None where nobody tells), cores and those that are used."""
    found, source = host_features()
    kind = kind_of(platform.machine())
    known = FEATURES.get(kind, {})
    features = None if found is None else {name: bool(found & of) for name, of in known.items()}
    return {
        "name": processor_name(),
        "kind": platform.machine(),
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "features": features,
        "features_from": source,
        "cores": os.cpu_count() or 1,
        "threads": available_cores(),
    }


def kind_of(machine: str) -> str:
    """x86, arm, or "" for others."""
    low = machine.lower()
    if low.startswith(("x86", "amd64", "i386", "i686")):
        return "x86"
    return "arm" if low.startswith(("aarch64", "arm")) else ""


def host_features() -> tuple[set[str] | None, str]:
    """Names of what the processor can do, and who told: LLVM, Linux, NumPy or nobody."""
    with suppress(ImportError, RuntimeError):
        from llvmlite import binding

        return {name for name, has in binding.get_host_cpu_features().items() if has}, "llvmlite"
    with suppress(OSError):
        if flags := flags_of(Path("/proc/cpuinfo").read_text(errors="replace")):
            return flags, "/proc/cpuinfo"
    with suppress(ImportError, KeyError, TypeError):
        import numpy as np

        extensions = np.show_config(mode="dicts")["SIMD Extensions"]
        return {name.lower() for key in ("baseline", "found") for name in extensions[key]}, "numpy"
    return None, "nobody"


def flags_of(cpuinfo: str) -> set[str]:
    """Those of the first processor."""
    for line in cpuinfo.splitlines():
        name, _, values = line.partition(":")
        if name.strip().lower() in ("flags", "features"):
            return set(values.lower().split())
    return set()

"""What a measurement was made on."""

from __future__ import annotations

import datetime
import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("edgehybrid", "onnxruntime", "numba", "numpy")


def describe_machine() -> dict[str, str | int]:
    """Processor, cores, system, versions and today's date."""
    told: dict[str, str | int] = {
        "date": datetime.date.today().isoformat(),
        "processor": processor_name(),
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            told[name] = version(name)
    return told


def processor_name() -> str:
    """Its name; on a Raspberry Pi that of the board."""
    for path, key in (("/proc/device-tree/model", ""), ("/proc/cpuinfo", "model name")):
        with suppress(OSError):
            for line in Path(path).read_text(errors="replace").splitlines():
                if line.startswith(key):
                    return line.split(":", 1)[-1].strip(" \0\t")
    return platform.processor() or "unknown"

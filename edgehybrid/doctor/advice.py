"""What will be slow or will not work, why, and what to do: from what was found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgehybrid.doctor.memory import usable

#: Peak of the default reader with kernels, measured; a document of some size comes on top.
READER_BYTES = 190_000_000
SPARE_BYTES = 110_000_000


def advice(found: dict[str, Any]) -> list[dict[str, str]]:
    """A list of `what`, `why` and `do`; empty if nothing that was looked at is amiss."""
    names = ("what", "why", "do")
    return [
        dict(zip(names, each, strict=True))
        for rule in (_numba, _cores, _memory, _bits, _readings)
        for each in rule(found)
    ]


def _numba(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    computing = found["computing"]
    if computing is None:
        return
    if computing["numba"] is None:
        yield (
            "Reading takes about twice as long.",
            f"{computing['why']}, so that NumPy and graphs do the work of the kernels.",
            "Install Numba (pip install numba) where there is one for this Python, and leave "
            "NUMBA_DISABLE_JIT unset.",
        )
        return
    if "products of bytes" in computing["why"] and "alone" not in computing["route"]:
        yield (
            "Reading is slower than on newer processors, writing more so.",
            f"{computing['why'].capitalize()}, so that graphs do the products.",
            "There is nothing to do; but a virtual machine may hide what its host can do.",
        )
    if not computing["numba"]["writable"]:
        yield (
            "Every start takes 10 to 20 s longer.",
            "Numba cannot keep its machine code: "
            f"{computing['numba']['cache'] or 'no folder for it'} is not writable.",
            "Set NUMBA_CACHE_DIR to a folder that can be written to.",
        )
    elif not computing["numba"]["compiled"]:
        yield (
            "The first reading takes 10 to 20 s longer, once.",
            "The kernels are not compiled yet for this machine and these versions.",
            "There is nothing to do: the first command does it.",
        )


def _cores(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    cores, threads = found["processor"]["cores"], found["processor"]["threads"]
    if threads < cores:
        yield (
            f"Only {threads} of {cores} cores work.",
            "This process may not run on the others (taskset, a container or a scheduler).",
            "Start it with more cores, if it is to be faster.",
        )
    elif cores == 1:
        yield (
            "Reading and everything else share one core.",
            "This machine has one, and two cores read nearly twice as fast.",
            "There is nothing to do.",
        )


def _memory(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    left = usable(found["memory"])
    if left is not None and left < READER_BYTES + SPARE_BYTES:
        yield (
            "Memory may run out, or be swapped, which is very slow.",
            f"{left / 1e6:,.0f} MB are left for this process; the reader takes about "
            f"{READER_BYTES / 1e6:,.0f} MB, and a document some more.",
            'Close other programs, raise the limit, or load with kernels="numpy", which takes '
            "60 MB less.",
        )


def _bits(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    if found["processor"]["bits"] == 32:
        yield (
            "This Python has 32 bits: packages may be missing, and kernels are not fast.",
            "ONNX Runtime and Numba are made for systems of 64 bits.",
            "Install a system, or a Python, of 64 bits.",
        )


def _readings(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    if not found["readings"]["writable"]:
        yield (
            "Documents are read again each time: read, ask and --resume cannot keep anything.",
            f"{found['readings']['path']} is not writable.",
            "Set EDGEHYBRID_CACHE to a folder that can be written to.",
        )

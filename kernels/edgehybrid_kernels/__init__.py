"""Kernels of hybrid state space models on a CPU: the parts between two dense layers.

    >>> from edgehybrid_kernels import load_kernels
    >>> kernels = load_kernels()  # Numba where it is installed, else NumPy
    >>> kernels.ssd_scan(x, dt, a, b, c, d, dt_bias, state, scale, out)

All arrays are float32. Inputs may be read-only, and those of one row per token may be column
slices of a wider matrix; results go into preallocated ``out`` and ``state`` arrays. Every kernel
takes any number of tokens, and where a sequence is cut changes nothing (not one bit with Numba).

``import edgehybrid_kernels`` imports NumPy only.
"""

from __future__ import annotations

from edgehybrid_kernels.attention.cache import RoutedCache
from edgehybrid_kernels.attention.full import FullCache
from edgehybrid_kernels.backend import (
    Kernels,
    cache_folder,
    compile_all,
    is_compiled,
    load_kernels,
    load_task,
    multiplies_bytes_fast,
)
from edgehybrid_kernels.errors import KernelError
from edgehybrid_kernels.rope import angles
from edgehybrid_kernels.threads import get_threads, set_threads

__all__ = [
    "FullCache",
    "KernelError",
    "Kernels",
    "RoutedCache",
    "angles",
    "cache_folder",
    "compile_all",
    "get_threads",
    "is_compiled",
    "load_kernels",
    "load_task",
    "multiplies_bytes_fast",
    "set_threads",
]

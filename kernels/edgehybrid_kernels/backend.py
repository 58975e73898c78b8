"""Choosing between the compiled kernels and their NumPy twins."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from edgehybrid_kernels.attention import Attention
from edgehybrid_kernels.conv import CausalConv
from edgehybrid_kernels.errors import KernelError
from edgehybrid_kernels.norm import GatedRmsNorm
from edgehybrid_kernels.residency import release_compiler
from edgehybrid_kernels.ssd import SsdScan

if TYPE_CHECKING:
    from edgehybrid_kernels.jit import Kernel

BackendName: TypeAlias = Literal["auto", "numba", "numpy"]

_log = logging.getLogger("edgehybrid_kernels")


@dataclass(frozen=True)
class Kernels:
    """One backend's functions; see the protocols for shapes, dtypes and errors.

    Attributes:
        name: "numba" or "numpy".
        causal_conv: depthwise causal convolution, :class:`~edgehybrid_kernels.conv.CausalConv`.
        ssd_scan: the Mamba-2 recurrence, :class:`~edgehybrid_kernels.ssd.SsdScan`.
        gated_rms_norm: :class:`~edgehybrid_kernels.norm.GatedRmsNorm`.
        attention: over a routed cache, :class:`~edgehybrid_kernels.attention.Attention`.
    """

    name: str
    causal_conv: CausalConv
    ssd_scan: SsdScan
    gated_rms_norm: GatedRmsNorm
    attention: Attention


def load_kernels(backend: BackendName = "auto") -> Kernels:
    """Returns the kernels of a backend; Numba is imported only here, and compiles at first calls.

    Args:
        backend: "numba", "numpy", or "auto": Numba if it can be had, else NumPy and one warning
            through the logger ``edgehybrid_kernels``.

    Raises:
        KernelError: the name is unknown, or "numba" was asked for and cannot be had.
    """
    if backend not in ("auto", "numba", "numpy"):
        raise KernelError(f"backend is {backend!r}, expected 'auto', 'numba' or 'numpy'")
    if backend == "numpy":
        return _numpy_kernels()
    try:
        return _numba_kernels()
    except KernelError as error:
        if backend == "numba":
            raise
        _log.warning("%s; using the NumPy kernels, which are several times slower", error)
        return _numpy_kernels()


def compile_all() -> None:
    """Loads the machine code of every compiled kernel, compiling what the disk cache lacks.

    The compiler's own pages are given back afterwards (see ``residency``).

    Raises:
        KernelError: Numba cannot be had.
    """
    for kernel in _compiled_kernels():
        kernel.compile()
    release_compiler()


def is_compiled() -> bool:
    """Whether :func:`compile_all` would find all machine code in memory or in the disk cache.

    True also without Numba, since nothing would be compiled then. Imports Numba.
    """
    try:
        return all(kernel.is_compiled() for kernel in _compiled_kernels())
    except KernelError:
        return True


def _numpy_kernels() -> Kernels:
    from edgehybrid_kernels.attention.reference import attention
    from edgehybrid_kernels.conv.reference import causal_conv
    from edgehybrid_kernels.norm.reference import gated_rms_norm
    from edgehybrid_kernels.ssd.reference import ssd_scan

    return Kernels("numpy", causal_conv, ssd_scan, gated_rms_norm, attention)


def _numba_kernels() -> Kernels:
    _require_numba()
    from edgehybrid_kernels.attention.compiled import attention
    from edgehybrid_kernels.conv.compiled import causal_conv
    from edgehybrid_kernels.norm.compiled import gated_rms_norm
    from edgehybrid_kernels.ssd.compiled import ssd_scan

    return Kernels("numba", causal_conv, ssd_scan, gated_rms_norm, attention)


def _compiled_kernels() -> tuple[Kernel, ...]:
    _require_numba()
    from edgehybrid_kernels.attention.compiled import attention_kernel
    from edgehybrid_kernels.conv.compiled import conv_kernel
    from edgehybrid_kernels.norm.compiled import norm_kernel
    from edgehybrid_kernels.ssd.compiled import ssd_kernel

    return conv_kernel, ssd_kernel, norm_kernel, attention_kernel


def _require_numba() -> None:
    # NUMBA_DISABLE_JIT is read by Numba itself when it is imported; an app may set the config too.
    try:
        import numba
    except ImportError as error:
        raise KernelError(f"Numba cannot be imported ({error})") from error
    config: Any = numba.config
    if config.DISABLE_JIT or os.environ.get("NUMBA_DISABLE_JIT", "0") not in (
        "",
        "0",
    ):
        raise KernelError("Numba's compiler is switched off (NUMBA_DISABLE_JIT)")

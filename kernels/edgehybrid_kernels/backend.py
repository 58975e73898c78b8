"""Choosing between the compiled kernels and their NumPy twins."""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Collection
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from edgehybrid_kernels.attention import Attention
from edgehybrid_kernels.conv import CausalConv
from edgehybrid_kernels.delta import GatedDelta
from edgehybrid_kernels.errors import KernelError
from edgehybrid_kernels.gate import ApplyGate
from edgehybrid_kernels.norm import GatedRmsNorm
from edgehybrid_kernels.residency import release_compiler
from edgehybrid_kernels.rglru import RgLru
from edgehybrid_kernels.rope import Rotate
from edgehybrid_kernels.selective import SelectiveScan
from edgehybrid_kernels.ssd import SsdScan

if TYPE_CHECKING:
    from edgehybrid_kernels.jit import Kernel, Task

BackendName: TypeAlias = Literal["auto", "numba", "numpy"]

# The functions of the reader that ships with edgehybrid: Mamba-2 and routed attention.
READER = ("causal_conv", "ssd_scan", "gated_rms_norm", "attention")
# Where each function is, and what its compiled kernel is called.
_PLACES = {
    "causal_conv": ("conv.compiled", "conv_kernel"),
    "ssd_scan": ("ssd.compiled", "ssd_kernel"),
    "gated_rms_norm": ("norm.compiled", "norm_kernel"),
    "attention": ("attention.compiled", "attention_kernel"),
    "rotate": ("rope.compiled", "rotate_kernel"),
    "apply_gate": ("gate.compiled", "gate_kernel"),
    "gated_delta": ("delta.compiled", "delta_kernel"),
    "selective_scan": ("selective.compiled", "selective_kernel"),
    "rg_lru": ("rglru.compiled", "rg_lru_kernel"),
}
# The same and others as steps of a program.
_TASKS = {
    "conv_task": "conv.compiled",
    "ssd_task": "ssd.compiled",
    "ssd_half_task": "ssd.compiled",
    "norm_task": "norm.compiled",
    "gate_task": "gate.compiled",
    "rotate_task": "rope.compiled",
    "delta_task": "delta.compiled",
    "attention_task": "attention.compiled",
    "linear_int8_task": "dense.linear",
    "linear_int4_32_task": "dense.linear",
    "linear_int4_64_task": "dense.linear",
    "linear_int4_128_task": "dense.linear",
    "linear_float_task": "dense.linear",
    "prepare_task": "dense.prepare",
    "embed_task": "dense.prepare",
    "add_task": "dense.prepare",
    "delta_gates_task": "dense.prepare",
    "drive": "program.drive",
}

_log = logging.getLogger("edgehybrid_kernels")


@dataclass(frozen=True)
class Kernels:
    """One backend's functions; see the protocols for shapes, dtypes and errors.

    Attributes:
        name: "numba" or "numpy".
        causal_conv: depthwise causal convolution, :class:`~edgehybrid_kernels.conv.CausalConv`.
        ssd_scan: the Mamba-2 recurrence, :class:`~edgehybrid_kernels.ssd.SsdScan`.
        gated_rms_norm: :class:`~edgehybrid_kernels.norm.GatedRmsNorm`.
        attention: over a routed or a full cache,
            :class:`~edgehybrid_kernels.attention.Attention`.
        rotate: rotary position embedding, :class:`~edgehybrid_kernels.rope.Rotate`.
        apply_gate: y * act(z), :class:`~edgehybrid_kernels.gate.ApplyGate`.
        gated_delta: the gated delta rule, :class:`~edgehybrid_kernels.delta.GatedDelta`.
        selective_scan: the Mamba-1 recurrence,
            :class:`~edgehybrid_kernels.selective.SelectiveScan`.
        rg_lru: the recurrence of Griffin, :class:`~edgehybrid_kernels.rglru.RgLru`.
    """

    name: str
    causal_conv: CausalConv
    ssd_scan: SsdScan
    gated_rms_norm: GatedRmsNorm
    attention: Attention
    rotate: Rotate
    apply_gate: ApplyGate
    gated_delta: GatedDelta
    selective_scan: SelectiveScan
    rg_lru: RgLru


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
        _log.warning("%s; using the NumPy kernels, which are slower", error)
        return _numpy_kernels()


def compile_all(names: Collection[str] = READER) -> None:
    """Loads the machine code of compiled kernels, compiling what the disk cache lacks.

    Args:
        names: attributes of :class:`Kernels`, those that a model uses.

    The compiler's own pages are given back afterwards (see ``residency``).

    Raises:
        KernelError: Numba cannot be had, or a name is unknown.
    """
    for kernel in _compiled_kernels(names):
        kernel.compile()
    release_compiler()


def load_task(name: str) -> Task:
    """A step of programs; Numba is imported only here.

    Raises:
        KernelError: Numba cannot be had, or the name is unknown.
    """
    if name not in _TASKS:
        raise KernelError(f"task is {name!r}, expected one of {list(_TASKS)}")
    _require_numba()
    task: Task = getattr(importlib.import_module(f"edgehybrid_kernels.{_TASKS[name]}"), name)
    return task


def multiplies_bytes_fast() -> bool:
    """Whether this machine's instructions make products of bytes worth doing here.

    Raises:
        KernelError: Numba cannot be had.
    """
    _require_numba()
    from edgehybrid_kernels.dense.dots import IS_FAST

    return IS_FAST


def cache_folder() -> Path | None:
    """Where machine code is kept between processes; None if no such folder can be written to.

    Raises:
        KernelError: Numba cannot be had.
    """
    folder: Path | None = load_task("ssd_task").cache_folder
    return folder


def is_compiled(names: Collection[str] = READER) -> bool:
    """Whether :func:`compile_all` would find all machine code in memory or in the disk cache.

    True also without Numba, since nothing would be compiled then. Imports Numba.

    Raises:
        KernelError: a name is unknown.
    """
    _check_names(names)
    try:
        return all(kernel.is_compiled() for kernel in _compiled_kernels(names))
    except KernelError:
        return True


def _check_names(names: Collection[str]) -> None:
    for name in names:
        if name not in _PLACES and name not in _TASKS:
            raise KernelError(f"kernel is {name!r}, expected one of {[*_PLACES, *_TASKS]}")


def _load(kind: str, name: str) -> Any:
    """A backend's function of this name: ``kind`` is its module, compiled or reference."""
    folder = _PLACES[name][0].partition(".")[0]
    module = importlib.import_module(f"edgehybrid_kernels.{folder}.{kind}")
    return getattr(module, name)


def _functions(kind: str) -> dict[str, Any]:
    names = [field.name for field in fields(Kernels) if field.name != "name"]
    return {name: _load(kind, name) for name in names}


def _numpy_kernels() -> Kernels:
    return Kernels("numpy", **_functions("reference"))


def _numba_kernels() -> Kernels:
    _require_numba()
    return Kernels("numba", **_functions("compiled"))


def _compiled_kernels(names: Collection[str] = tuple(_PLACES)) -> list[Kernel]:
    _check_names(names)
    _require_numba()
    found = []
    for name in names:
        place, kernel = _PLACES[name] if name in _PLACES else (_TASKS[name], name)
        module = importlib.import_module(f"edgehybrid_kernels.{place}")
        found.append(getattr(module, kernel))
    return found


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

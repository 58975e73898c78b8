"""The package's only door to Numba: how kernels are compiled, typed and cached.

Importing this module imports Numba (about a second), so only the ``compiled`` modules do, and they
are imported when the compiled backend is first asked for.

Two things here are not obvious.

*One specialisation per kernel.* Numba compiles anew for each combination of read-only, contiguous
and strided arguments. A kernel therefore declares one explicit signature made of ``read_only`` and
``writable`` arrays of any strides; every array the validators let through
converts to it without a copy.

*A cache key that sees all sources.* Numba's disk cache notices changes of the file that holds the
kernel, not of the helpers compiled into it, and its files survive an upgrade by pip. Each kernel's
cached name therefore carries a digest of every compiled source, the CPU and the versions.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import llvmlite
import numba
from numba import types
from numba.core.registry import cpu_target
from numba.extending import register_jitable

Function = TypeVar("Function", bound=Callable[..., Any])

_log = logging.getLogger("edgehybrid_kernels")

INT = types.intp
FLOAT = types.float32
BOOL = types.boolean
# Two Python threads may meet at the first call.
_compiling = threading.Lock()
_SOURCES = (
    *("jit.py", "simd.py", "vmath.py", "elementwise.py"),
    *("attention/heap.py", "attention/attend.py", "routing/__init__.py", "*/compiled.py"),
    *("dense/arm.py", "dense/dots.py", "dense/linear.py", "dense/prepare.py", "program/*.py"),
)


def read_only(ndim: int, dtype: Any = FLOAT) -> Any:
    """The type of an array that is only read."""
    return types.Array(dtype, ndim, "A", readonly=True)


def writable(ndim: int, dtype: Any = FLOAT) -> Any:
    """The type of an array that is written."""
    return types.Array(dtype, ndim, "A")


def target() -> tuple[str, str, str]:
    """The (triple, CPU name, CPU features) that Numba compiles for."""
    triple, cpu, features = cpu_target.target_context.codegen().magic_tuple()
    return str(triple), str(cpu), str(features)


@functools.cache
def _digest() -> str:
    """Identifies everything that goes into the machine code, for names of cached files."""
    package = Path(__file__).parent
    digest = hashlib.sha256(repr((numba.__version__, llvmlite.__version__, target())).encode())
    for pattern in _SOURCES:
        for source in sorted(package.glob(pattern)):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def helper(function: Function) -> Function:
    """Makes a plain Python function callable from kernels; it is inlined into them by LLVM."""
    jitable: Function = register_jitable(function)
    return jitable


class Kernel:
    """A compiled function, loaded from the disk cache or compiled on the first call."""

    def __init__(self, function: Callable[..., None], signature: tuple[Any, ...]):
        #: The same for other kernels and tasks to call.
        self.function = helper(function)
        function.__qualname__ = f"{function.__qualname__}_{_digest()}"
        self._signature = signature
        # nogil: other threads run meanwhile, those that share this kernel's work above all.
        # error_model: an integer division needs no ZeroDivisionError branch.
        options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
        try:
            self._dispatcher = numba.njit(cache=True, **options)(function)
        except RuntimeError as error:  # neither the package's folder nor the user's can be written
            _log.warning("kernels will be compiled in every process: %s", error)
            self._dispatcher = numba.njit(**options)(function)
        self._call: Callable[..., None] = self._first_call

    def __call__(self, *arguments: Any) -> None:
        self._call(*arguments)

    def compile(self) -> None:
        """Loads the machine code, compiling it if the disk cache has none."""
        with _compiling:
            if self._call == self._first_call:
                self._dispatcher.compile(self._signature)
                self._dispatcher.disable_compile()
                self._call = self._dispatcher

    def is_compiled(self) -> bool:
        """Whether a call will not have to compile: in memory already, or in the disk cache."""
        if self._call != self._first_call:
            return True
        name, folder = self._dispatcher.py_func.__qualname__, self.cache_folder
        return folder is not None and any(folder.glob(f"*.{name}-*.nbi"))

    @property
    def cache_folder(self) -> Path | None:
        """Where the disk cache is; None if there is no folder that can be written to."""
        folder = self._dispatcher.stats.cache_path
        return None if folder is None else Path(folder)

    def _first_call(self, *arguments: Any) -> None:
        self.compile()
        self._call(*arguments)


class Task(Kernel):
    """A compiled function of packed arguments, a range of units and scratch memory.

    Called by its address from a table of steps; see ``program``.
    """

    def __init__(self, function: Callable[..., None]):
        super().__init__(function, (INT, INT, INT, INT))

    @property
    def address(self) -> int:
        """Where the machine code is; it stays there as long as this object lives."""
        self.compile()
        result = self._dispatcher.get_compile_result(types.void(INT, INT, INT, INT))
        return int(result.library.get_pointer_to_function(result.fndesc.llvm_cfunc_wrapper_name))


def kernel(*signature: Any) -> Callable[[Callable[..., None]], Kernel]:
    """Decorates a kernel with the types of its arguments."""
    return lambda function: Kernel(function, signature)

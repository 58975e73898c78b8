"""What threads need to share a table of steps: counters, a pause, and calls by address."""

from __future__ import annotations

import os
from typing import Final

from llvmlite import ir

from edgehybrid_kernels import jit
from edgehybrid_kernels.simd import Builder, call_intrinsic, pointer_to, primitive

_LONG, _INT = ir.IntType(64), ir.IntType(32)
_TASK = ir.FunctionType(ir.VoidType(), [_LONG] * 4)
_TRIPLE: Final = jit.target()[0]


@primitive
def take(builder: Builder, counter: int, count: int) -> int:
    """Adds to a counter; returns what it was before. Writes before it are seen by who reads it."""
    pointer = pointer_to(builder, counter, _LONG)
    return builder.atomic_rmw("add", pointer, count, "acq_rel")  # type: ignore[no-any-return]


@primitive
def read(builder: Builder, counter: int) -> int:
    """The value of a counter, and with it all that was written before it was changed."""
    return builder.load_atomic(pointer_to(builder, counter, _LONG), "acquire", 8)  # type: ignore[no-any-return]


@primitive
def pause(builder: Builder) -> None:
    """Tells the core that this thread is only waiting."""
    if _TRIPLE.startswith("x86_64"):
        call_intrinsic(builder, "llvm.x86.sse2.pause", ir.VoidType(), [])
    elif _TRIPLE.startswith(("aarch64", "arm64")):
        call_intrinsic(builder, "llvm.aarch64.hint", ir.VoidType(), [_INT(1)])


@primitive
def give_way(builder: Builder) -> None:
    """Lets another thread have this core, where the system has a call for it."""
    if os.name == "posix":
        call_intrinsic(builder, "sched_yield", _INT, [])


@primitive
def call(builder: Builder, task: int, at: int, first: int, last: int, scratch: int) -> None:
    """Calls a task by its address."""
    builder.call(pointer_to(builder, task, _TASK), [at, first, last, scratch])

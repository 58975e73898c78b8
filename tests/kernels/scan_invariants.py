"""What every recurrence has to hold, given its inputs by name and a function that runs it.

``run(kernels, arrays)`` calls a kernel on copies and returns its outputs and its new state.
``arrays["state"]`` is the state; those in ``per_token`` have one row per token.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from kernel_inputs import column_slices, read_only

from edgehybrid_kernels import Kernels, set_threads

Arrays = dict[str, Any]
Run = Callable[[Kernels, Arrays], tuple[Any, Any]]


def assert_same(found: Any, expected: Any, tolerance: float = 0.0) -> None:
    for left, right in zip(found, expected, strict=True):
        if tolerance:
            np.testing.assert_allclose(left, right, rtol=tolerance, atol=tolerance)
        else:
            np.testing.assert_array_equal(left, right)


def in_pieces(
    kernels: Kernels, arrays: Arrays, pieces: list[slice], per_token: tuple[str, ...], run: Run
) -> tuple[Any, Any]:
    arrays, outs = dict(arrays), []
    for piece in pieces:
        part = {name: arrays[name][piece] for name in per_token}
        out, arrays["state"] = run(kernels, arrays | part)
        outs.append(out)
    return np.concatenate(outs), arrays["state"]


def as_columns(arrays: Arrays, per_token: tuple[str, ...]) -> Arrays:
    """The same inputs, read-only, and those per token as columns of one matrix."""
    columns = column_slices(*(arrays[name] for name in per_token))
    constants = {name: read_only(array.copy()) for name, array in arrays.items() if name != "state"}
    return arrays | constants | dict(zip(per_token, columns, strict=True))


def threaded_and_alone(kernels: Kernels, arrays: Arrays, run: Run) -> tuple[Any, Any]:
    set_threads(3)
    threaded = run(kernels, arrays)
    set_threads(1)
    return threaded, run(kernels, arrays)

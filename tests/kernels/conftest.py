"""Backends as fixtures, and calls that run spread over threads whatever their size."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgehybrid_kernels import KernelError, Kernels, load_kernels, set_threads, threads

sys.path.insert(0, str(Path(__file__).parent))  # for kernel_inputs.py


@pytest.fixture(scope="session")
def numpy_kernels() -> Kernels:
    return load_kernels("numpy")


@pytest.fixture(scope="session")
def numba_kernels() -> Kernels:
    try:
        return load_kernels("numba")
    except KernelError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session", params=["numpy", "numba"])
def kernels(request: pytest.FixtureRequest) -> Kernels:
    """Each backend in turn."""
    found: Kernels = request.getfixturevalue(f"{request.param}_kernels")
    return found


@pytest.fixture
def spread() -> Iterator[None]:
    """Every call is spread over three threads, however small it is."""
    usual = threads.PARALLEL_FROM
    threads.PARALLEL_FROM = -1.0
    set_threads(3)
    yield
    set_threads(None)
    threads.PARALLEL_FROM = usual

"""What may be given back, and that kernels still compile and run afterwards."""

from __future__ import annotations

import numpy as np

from edgehybrid_kernels import Kernels
from edgehybrid_kernels.residency import _code_ranges, release_compiler

MAPS = """\
7f0000000000-7f0000001000 r--p 00000000 00:00 1 /lib/libllvmlite.so
7f0000001000-7f0000005000 r-xp 00001000 00:00 1 /lib/libllvmlite.so
7f0000005000-7f0000006000 rw-p 00005000 00:00 1 /lib/libllvmlite.so
7f0000006000-7f0000007000 r-xp 00000000 00:00 2 /lib/libc.so
7f0000007000-7f0000008000 rw-p 00000000 00:00 0
"""


def test_only_code_of_the_compiler_is_given_back() -> None:
    assert list(_code_ranges(MAPS)) == [(0x7F0000001000, 0x7F0000005000)]


def test_kernels_run_after_it(numba_kernels: Kernels) -> None:
    release_compiler()
    x = np.ones((3, 4), dtype=np.float32)
    out = np.empty_like(x)
    numba_kernels.gated_rms_norm(x, x, np.ones(4, np.float32), out, eps=1e-5, groups=1)
    np.testing.assert_allclose(out, 1, atol=1e-3)

"""The machine code for ARM, compiled here for processors that are elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")

from llvmlite import binding

from edgehybrid_kernels.dense.arm import has_sdot

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "examples" / "raspberry_pi" / "check_neon.py"
sys.path.insert(0, str(SCRIPT.parent))

import check_neon  # noqa: E402

# A scalar loop as LLVM writes it, and the same on vectors.
SCALAR = """
_ZN4slowE:
.LBB0_3:
	ldr	s1, [x0], #4
	ldr	s2, [x1], #4
	fmadd	s0, s1, s2, s0
	subs	x2, x2, #1
	b.ne	.LBB0_3
"""
VECTOR = SCALAR.replace("fmadd\ts0, s1, s2, s0", "fmla\tv0.4s, v1.4s, v2.4s")


@pytest.fixture(scope="module")
def _aarch64() -> None:
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    try:
        binding.Target.from_triple(check_neon.TRIPLE)
    except RuntimeError as error:
        pytest.skip(f"this llvmlite does not compile for ARM: {error}")


@pytest.mark.usefixtures("_aarch64")
def test_dot_products_are_found_where_no_feature_names_them() -> None:
    found = {cpu: has_sdot(check_neon.TRIPLE, cpu, f) for cpu, f in check_neon.PROCESSORS.items()}
    assert found == {"cortex-a72": False, "cortex-a76": True}
    assert not has_sdot(check_neon.TRIPLE, "cortex-a76", "-dotprod")
    assert has_sdot(check_neon.TRIPLE, "generic", "+dotprod")
    assert not has_sdot("x86_64-unknown-linux-gnu", "znver4", "+avx512vnni")


@pytest.mark.usefixtures("_aarch64")
@pytest.mark.parametrize(
    ("cpu", "tasks"),
    [
        ("cortex-a72", "linear_int8_task,conv_task"),
        ("cortex-a76", "linear_int8_task,conv_task,ssd_task,attention_task"),
    ],
)
def test_inner_loops_are_neon(cpu: str, tasks: str) -> None:
    paths = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--cpu", cpu, "--tasks", tasks],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\n") == 1 + len(tasks.split(","))


def test_a_scalar_loop_would_be_told() -> None:
    assert check_neon.judge("conv_task", "cortex-a76", VECTOR)[1] == ""
    assert "no inner loop works with fmla" in check_neon.judge("conv_task", "cortex-a76", SCALAR)[1]
    both = check_neon.judge("conv_task", "cortex-a76", VECTOR + SCALAR)[1]
    assert both == "an inner loop of _ZN4slowE works on single floats"

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgehybrid_kernels
from edgehybrid_kernels import KernelError, Kernels, get_threads, load_kernels, set_threads
from edgehybrid_kernels.backend import _PLACES, READER

KERNELS = list(_PLACES)
BLOCK_NUMBA = "import sys; sys.modules['numba'] = None; "


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    paths = os.pathsep.join(p for p in sys.path if p)
    variables = os.environ | {"PYTHONPATH": paths} | environment
    return subprocess.run(command, capture_output=True, text=True, env=variables, check=False)


def test_everything_promised_is_there() -> None:
    assert sorted(edgehybrid_kernels.__all__) == edgehybrid_kernels.__all__
    assert all(hasattr(edgehybrid_kernels, name) for name in edgehybrid_kernels.__all__)


def test_importing_imports_numpy_only() -> None:
    heavy = "{'numba', 'llvmlite', 'onnx', 'torch', 'transformers', 'onnxruntime'}"
    code = f"import sys, edgehybrid_kernels; print(sorted({heavy} & set(sys.modules)))"
    assert python(code).stdout == "[]\n"


def test_the_twins_need_no_numba() -> None:
    code = BLOCK_NUMBA + "import edgehybrid_kernels as e; print(e.load_kernels('auto').name)"
    done = python(code)
    assert done.stdout == "numpy\n"
    assert done.stderr.count("\n") == 1
    assert "Numba cannot be imported" in done.stderr


def test_without_its_compiler_numba_is_not_used() -> None:
    code = "import edgehybrid_kernels as e; print(e.load_kernels('auto').name, e.is_compiled())"
    done = python(code, NUMBA_DISABLE_JIT="1")
    assert done.stdout == "numpy True\n"
    assert "NUMBA_DISABLE_JIT" in done.stderr
    refused = python(
        "import edgehybrid_kernels as e; e.load_kernels('numba')", NUMBA_DISABLE_JIT="1"
    )
    assert "KernelError: Numba's compiler is switched off (NUMBA_DISABLE_JIT)" in refused.stderr


def test_unknown_backends_are_refused() -> None:
    with pytest.raises(KernelError, match="backend is 'cuda', expected 'auto', 'numba' or 'numpy'"):
        load_kernels("cuda")  # type: ignore[arg-type]


@pytest.mark.usefixtures("numba_kernels")
def test_each_kernel_is_compiled_once() -> None:
    from edgehybrid_kernels.backend import _compiled_kernels

    edgehybrid_kernels.compile_all(KERNELS)
    assert edgehybrid_kernels.is_compiled(KERNELS)
    for kernel in _compiled_kernels():
        assert len(kernel._dispatcher.signatures) == 1


@pytest.mark.usefixtures("numba_kernels")
def test_the_disk_cache_is_found_by_the_next_process() -> None:
    edgehybrid_kernels.compile_all(KERNELS)
    code = f"""
import edgehybrid_kernels as e
from edgehybrid_kernels.backend import _compiled_kernels
print(e.is_compiled({KERNELS}))
e.compile_all({KERNELS})
print(*[sum(kernel._dispatcher.stats.cache_hits.values()) for kernel in _compiled_kernels()])
"""
    assert python(code).stdout == "True\n" + " ".join("1" * len(KERNELS)) + "\n"


@pytest.mark.usefixtures("numba_kernels")
def test_only_what_was_asked_for_is_compiled() -> None:
    edgehybrid_kernels.compile_all(["rotate"])
    code = """
import edgehybrid_kernels as e
from edgehybrid_kernels.backend import _PLACES, _compiled_kernels
e.compile_all(["rotate"])
compiled = [bool(kernel._dispatcher.signatures) for kernel in _compiled_kernels()]
print([name for name, done in zip(_PLACES, compiled) if done])
"""
    assert python(code).stdout == "['rotate']\n"


@pytest.mark.parametrize(
    "function", [edgehybrid_kernels.compile_all, edgehybrid_kernels.is_compiled]
)
def test_unknown_kernels_are_refused(function: Callable[[list[str]], object]) -> None:
    with pytest.raises(KernelError, match="kernel is 'convolution', expected one of"):
        function(["convolution"])


def test_each_kernel_can_be_asked_for() -> None:
    assert sorted(KERNELS) == sorted(set(KERNELS))
    assert set(READER) < set(KERNELS) == {f.name for f in dataclasses.fields(Kernels)} - {"name"}


NARROW = """
import numpy as np
rng = np.random.default_rng(0)
n = lambda *s: rng.standard_normal(s).astype(np.float32)
outs = [np.zeros((9, 57), np.float32) for _ in range(6)]
state, scale = n(3, 5, 19), abs(n(3))
kernels.ssd_scan(n(9, 57), n(9, 3), -abs(n(3)), n(9, 5), n(9, 5), n(3), n(3), state, scale, outs[0])
kernels.gated_delta(n(9, 7), n(9, 7), n(9, 57), -abs(n(9, 3)), n(9, 3), n(3, 7, 19), outs[1])
kernels.selective_scan(
    n(9, 57), n(9, 57), -abs(n(5, 57)), n(9, 5), n(9, 5), n(57), n(57), n(5, 57), outs[2]
)
kernels.rg_lru(n(9, 57), n(9, 57), n(9, 57), -abs(n(57)), n(57), outs[3], starts=True)
cache = e.FullCache.alloc(1, 19)
kernels.attention(n(9, 57), n(9, 19), n(9, 19), None, cache, outs[4], scale=0.3, softcap=2.0)
kernels.rotate(n(9, 57), n(9, 9), n(9, 9), outs[5], head_dim=19)
"""


def test_narrower_vectors_give_the_same_numbers(numba_kernels: Kernels) -> None:
    """The eight lanes of AVX2 and NEON, by telling Numba that the CPU has no AVX-512."""
    import platform

    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("the other CPU's name is one of x86-64")
    code = f"""
import sys, edgehybrid_kernels as e
from edgehybrid_kernels.simd import LANES
assert LANES == 8
kernels = e.load_kernels("numba")
{NARROW}
sys.stdout.buffer.write(np.concatenate(outs).tobytes())
"""
    names: dict[str, Any] = {"kernels": numba_kernels, "e": edgehybrid_kernels}
    exec(NARROW, names)
    expected = np.concatenate(names["outs"])
    variables = os.environ | {
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+sse4.2",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=variables, check=True
    )
    found = np.frombuffer(done.stdout, np.float32).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_threads_are_limited() -> None:
    set_threads(2)
    assert get_threads() == 2
    with pytest.raises(KernelError, match="threads is 0, expected at least 1"):
        set_threads(0)
    set_threads(None)


@pytest.mark.usefixtures("spread")
def test_calls_from_several_python_threads_do_not_meet(numba_kernels: Kernels) -> None:
    rng = np.random.default_rng(0)
    y = rng.standard_normal((200, 64)).astype(np.float32)
    weight = np.ones(64, np.float32)
    outs = [np.zeros_like(y) for _ in range(8)]

    def normalise(out: np.ndarray) -> None:
        for _ in range(20):
            numba_kernels.gated_rms_norm(y, y, weight, out, eps=1e-5, groups=1)

    workers = [threading.Thread(target=normalise, args=(out,)) for out in outs]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for out in outs[1:]:
        np.testing.assert_array_equal(out, outs[0])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.usefixtures("numba_kernels")
def test_a_forked_process_has_threads_of_its_own() -> None:
    code = """
import os, numpy as np, edgehybrid_kernels as e
e.threads.PARALLEL_FROM = -1.0
e.set_threads(3)
kernels, y = e.load_kernels("numba"), np.ones((50, 8), np.float32)
out = np.empty_like(y)
run = lambda: kernels.gated_rms_norm(y, y, np.ones(8, np.float32), out, eps=1e-5, groups=1)
run()
child = os.fork()
run()
if child:
    print(os.waitpid(child, 0)[1])
"""
    done = python(code, PYTHONWARNINGS="ignore")
    assert done.stdout == "0\n", done.stderr


def test_memory_mapped_weights_are_accepted(numba_kernels: Kernels, tmp_path: Path) -> None:
    np.ones((2, 8), np.float32).tofile(tmp_path / "weights")
    mapped = np.memmap(tmp_path / "weights", np.float32, "r", shape=(2, 8))
    out = np.zeros((2, 8), np.float32)
    numba_kernels.gated_rms_norm(mapped, mapped, mapped[0], out, eps=0.0, groups=1)
    np.testing.assert_allclose(out, 1.0, rtol=1e-6)
    del mapped


@pytest.mark.usefixtures("numba_kernels")
def test_without_a_folder_to_cache_in_kernels_still_run() -> None:
    code = """
import numba.core.caching, numpy as np, edgehybrid_kernels as e
numba.core.caching.CacheImpl._locator_classes = []
one, out = np.ones((1, 1), np.float32), np.zeros((1, 1), np.float32)
e.load_kernels("numba").gated_rms_norm(one, one, one[0], out, eps=0.0, groups=1)
print(out[0, 0], e.is_compiled())
"""
    done = python(code)
    assert done.stdout == "1.0 False\n"
    assert "kernels will be compiled in every process" in done.stderr

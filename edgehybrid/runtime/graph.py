"""ONNX Runtime sessions with shared memory, and running them on preallocated buffers."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from edgehybrid.errors import BundleDamaged
from edgehybrid.runtime.graph_check import check_graph

ort.disable_telemetry_events()

_lock = threading.Lock()
_arena_ready = False


def _share_arena() -> None:
    """Register one arena for all sessions: with one each, 34 sessions took twice the memory."""
    global _arena_ready
    with _lock:
        if not _arena_ready:
            info = ort.OrtMemoryInfo(
                "Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT
            )
            # 1: grow by what is asked for, not by powers of two
            ort.create_and_register_allocator(info, ort.OrtArenaCfg(0, 1, -1, -1))
            _arena_ready = True


class Segment:
    """One graph. Single-threaded: parallelism comes from stages that work on different chunks."""

    def __init__(self, path: Path) -> None:
        check_graph(path)
        _share_arena()
        self._path = path
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what it says in its exceptions is enough
        options.enable_mem_pattern = False  # a pattern is kept for every length ever seen
        options.add_session_config_entry("session.use_env_allocators", "1")
        try:
            self._session = ort.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own exceptions have no common base
            raise BundleDamaged(_why(path, error)) from error
        self.outputs = tuple(o.name for o in self._session.get_outputs())
        self.inputs = tuple(i.name for i in self._session.get_inputs())

    def bind(self, buffers: dict[str, NDArray[np.generic]], length: int) -> ort.IOBinding:
        """Tie inputs and outputs to the first `length` rows of `buffers` (C-contiguous)."""
        binding = self._session.io_binding()
        for names, tie in ((self.inputs, binding.bind_input), (self.outputs, binding.bind_output)):
            for name in names:
                if name not in buffers:
                    raise BundleDamaged(f"{self._path} has a value {name[:80]!r} that nobody has")
                array = buffers[name]
                shape = (length, *array.shape[1:])
                tie(name, "cpu", 0, array.dtype.type, shape, array.ctypes.data)
        return binding

    def run_bound(self, binding: ort.IOBinding) -> None:
        """Run on buffers tied by `bind`."""
        try:
            self._session.run_with_iobinding(binding)
        except Exception as error:
            raise BundleDamaged(_why(self._path, error)) from error

    def run(self, feeds: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Run once and return new arrays, in the order of `outputs`."""
        try:
            return list(self._session.run(None, feeds))
        except Exception as error:
            raise BundleDamaged(_why(self._path, error)) from error


def _why(path: Path, error: Exception) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    if "NOT_IMPLEMENTED" in line:
        return (
            f"{path} needs a later onnxruntime than {ort.__version__} (the last one for Python "
            f"3.10 is 1.23): {line}"
        )
    return f"{path} cannot be used: {line}"

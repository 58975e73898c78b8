"""Runs one ONNX graph for a process that sends tensors: the other end of OnnxRuntime.kt."""

from __future__ import annotations

import struct
import sys
from typing import BinaryIO

import numpy as np
import onnxruntime

TYPES = (np.dtype("<f4"), np.dtype("<i4"))


def read_tensor(source: BinaryIO) -> tuple[str, np.ndarray]:
    """Name, type, dimensions, bytes; numbers big-endian, as Java writes them."""
    name = source.read(struct.unpack(">H", source.read(2))[0]).decode()
    kind, rank = struct.unpack(">ii", source.read(8))
    shape = struct.unpack(f">{rank}q", source.read(8 * rank))
    (size,) = struct.unpack(">i", source.read(4))
    return name, np.frombuffer(source.read(size), TYPES[kind]).reshape(shape)


def write_tensor(target: BinaryIO, name: str, array: np.ndarray) -> None:
    """The same."""
    kind = TYPES.index(array.dtype)
    told = name.encode()
    target.write(struct.pack(f">H{len(told)}sii", len(told), told, kind, array.ndim))
    target.write(struct.pack(f">{array.ndim}qi", *array.shape, array.nbytes) + array.tobytes())


def main() -> None:
    """Until the other side closes."""
    session = onnxruntime.InferenceSession(sys.argv[1])
    names = [output.name for output in session.get_outputs()]
    source, target = sys.stdin.buffer, sys.stdout.buffer
    while count := source.read(4):
        inputs = dict(read_tensor(source) for _ in range(struct.unpack(">i", count)[0]))
        made = session.run(names, inputs)
        target.write(struct.pack(">i", len(names)))
        for name, array in zip(names, made, strict=True):
            write_tensor(target, name, array)
        target.flush()


if __name__ == "__main__":
    main()

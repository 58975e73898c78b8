"""Opening a bundle's safetensors, of which nothing is taken on trust."""

from __future__ import annotations

import struct
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from edgehybrid.bundle import Bundle
from edgehybrid.errors import BundleDamaged

#: Real headers have at most 60 KB; safetensors itself would parse 100 MB.
MAX_HEADER_BYTES = 1 << 24
TYPES = frozenset({"float32", "float16", "int8", "uint8", "int32", "int64"})


def load_tensors(bundle: Bundle, name: str) -> dict[str, NDArray[Any]]:
    """All arrays of a file of `bundle`.

    Raises:
        BundleDamaged: its header is too long, or it is no safetensors file of plain numbers.
    """
    path = bundle.file(name)
    with path.open("rb") as file:
        start = file.read(8)
    size = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
    if size > MAX_HEADER_BYTES:
        raise BundleDamaged(f"{path} has a header of {size} bytes, over {MAX_HEADER_BYTES}")
    try:
        tensors = load_file(path)
    except (SafetensorError, LookupError, TypeError, ValueError) as error:
        raise BundleDamaged(f"{path} cannot be loaded ({error}); export it again") from error
    for key, array in tensors.items():
        if array.dtype.name not in TYPES:
            raise BundleDamaged(f"{path} has {key[:80]!r} of {array.dtype}, which is not read")
    return dict(tensors)

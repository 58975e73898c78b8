"""One sum for a description and for the tensors that it describes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def digest(said: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> str:
    """sha256 of both, in hexadecimal; `said` is plain JSON values."""
    made = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for name, array in sorted(tensors.items()):
        made.update(f"{name} {array.dtype} {array.shape} ".encode())
        made.update(np.ascontiguousarray(array).view(np.uint8).reshape(-1).data)
    return made.hexdigest()

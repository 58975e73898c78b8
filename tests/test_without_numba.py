"""The runtime works where Numba is not installed, and gives the same numbers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import edgehybrid

BLOCKED = """
import json, logging, sys
sys.modules["numba"] = None
logging.basicConfig(stream=sys.stderr)
import numpy as np, edgehybrid
model = edgehybrid.load(sys.argv[1])
vectors = model.stream().feed(np.arange(700) % 260)
print(json.dumps([model.kernels.name, vectors.tolist()]))
"""


# At int8 a difference in the last bit may round an activation to the next of 255 steps.
@pytest.mark.parametrize(("weights", "tolerance"), [("float32", 2e-3), ("int8", 5e-2)])
def test_numpy_takes_over(bundles: dict[str, Path], weights: str, tolerance: float) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, str(bundles[weights])], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    name, vectors = json.loads(done.stdout)
    assert name == "numpy"
    assert done.stderr.count("\n") == 1  # one line that says so
    wanted = edgehybrid.load(bundles[weights]).stream().feed(np.arange(700) % 260)
    np.testing.assert_allclose(vectors, wanted, atol=tolerance)

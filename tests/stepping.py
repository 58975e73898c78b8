"""Running the portable graph of a bundle, piece by piece."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort


def can_run() -> bool:
    """Whether this ONNX Runtime has the operators; that for Python 3.10 does not."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return "LinearAttention" in {s.name for s in state.get_all_operator_schema()}


class Step:
    """The graph of a bundle, with its states."""

    def __init__(self, folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        path = str(folder / "step.onnx")
        self.session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.outputs = [output.name for output in self.session.get_outputs()]
        self.states = {
            state["name"]: np.zeros([0 if isinstance(n, str) else n for n in state["shape"]],
                                    state["dtype"])
            for state in manifest["step"]["states"]
        }  # fmt: skip

    def feed(self, tokens: np.ndarray) -> dict[str, Any]:
        past = {f"past_{name}": state for name, state in self.states.items()}
        made = dict(
            zip(self.outputs, self.session.run(None, {"tokens": tokens, **past}), strict=True)
        )
        self.states = {name: made.pop(f"present_{name}") for name in self.states}
        return made


def in_pieces(folder: Path, ids: np.ndarray, size: int) -> tuple[list[dict[str, Any]], Step]:
    step, edges = Step(folder), [*range(0, len(ids), size), len(ids)]
    return [step.feed(ids[a:b]) for a, b in pairwise(edges)], step

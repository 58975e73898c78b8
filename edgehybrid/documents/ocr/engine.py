"""The calls to RapidOCR: a picture to lines with boxes. Its models lie in its wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgehybrid.cores import available_cores

#: The models, by what they do: they find lines, and read one.
MODELS = {"Det": "PP-OCRv6_det_small.onnx", "Rec": "PP-OCRv6_rec_small.onnx"}
#: Lines are looked for in a picture of at most so many pixels a side; they are read in the whole.
LOOK_SIDE = 1280
#: So many lines are read at a time: memory grows with them, speed hardly.
BATCH = 2


class Line(NamedTuple):
    """A line of text and its box in pixels; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float
    text: str


class Recogniser:
    """Reads lines off pictures. It knows Latin letters, Chinese and Japanese."""

    def __init__(self) -> None:
        import rapidocr

        folder = Path(rapidocr.__file__).parent / "models"
        options: dict[str, Any] = {
            # named, models are never looked for elsewhere: without names it may download them
            **{f"{task}.model_path": str(folder / name) for task, name in MODELS.items()},
            "Global.log_level": "critical",
            "Global.use_cls": False,  # lines that stand on their heads
            "Global.max_side_len": 1 << 14,  # pictures are bounded where they are made
            "Det.limit_type": "max",
            "Det.limit_side_len": LOOK_SIDE,
            "Rec.rec_batch_num": BATCH,
            "EngineConfig.onnxruntime.intra_op_num_threads": available_cores(),
        }
        self._engine = rapidocr.RapidOCR(params=options)

    def lines(self, picture: NDArray[np.uint8]) -> list[Line]:
        """The lines of `picture`, (height, width, 3) uint8, blue first, from top to bottom."""
        found: Any = self._engine(picture)
        if found.boxes is None or found.txts is None:
            return []
        return [_line(box, str(text)) for box, text in zip(found.boxes, found.txts, strict=True)]


def _line(corners: NDArray[np.float32], text: str) -> Line:
    """Of the four corners (4, 2) of a line, which may be askew, the box around them."""
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return Line(float(left), float(top), float(right), float(bottom), text)

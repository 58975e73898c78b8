"""Where tables are kept."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1] / "results"


def arguments(doc: str | None) -> argparse.Namespace:
    """The arguments that all tables take: `runs`, and `out` for their JSON."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("runs", type=Path, help="folder with what sweep.py trained")
    parser.add_argument("--out", type=Path, default=HERE)
    import torch  # here, as memory is measured without it

    torch.set_num_threads(1)
    return parser.parse_args()


def save(folder: Path, name: str, table: dict[str, Any]) -> None:
    """Write a table as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(table, indent=1) + "\n")


def load(folder: Path, name: str) -> dict[str, Any]:
    """Read what `save` wrote."""
    return dict(json.loads((folder / f"{name}.json").read_text()))

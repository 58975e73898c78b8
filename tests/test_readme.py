"""What the README shows is what the commands print."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_summary_at_the_top_is_the_handbooks() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    command = "edgehybrid summarize examples/handbook.pdf --points 4"
    assert command in text
    shown = text.split("```\n", 3)[2].split("```")[0]
    done = subprocess.run(
        [sys.executable, "-c", "from edgehybrid.cli import main; main()", *command.split()[1:]],
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    assert done.stdout == shown

"""What the README shows is what the commands print."""

from __future__ import annotations

import shlex
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


def test_the_questions_are_answered_so() -> None:
    """Each line `$ edgehybrid ask ...` stands before what it prints."""
    text = (ROOT / "README.md").read_text("utf-8")
    shown = [block for block in text.split("```")[1::2] if block.startswith("\n$ edgehybrid ask")]
    commands = [command.split("\n", 1) for command in shown[0].split("\n$ ")[1:]]
    assert len(commands) == 2
    for command, answer in commands:
        words = ["-c", "from edgehybrid.cli import main; main()", *shlex.split(command)[1:]]
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, cwd=ROOT)
        assert done.stdout.strip() == answer.strip()

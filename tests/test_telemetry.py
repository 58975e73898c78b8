"""ONNX Runtime reports to nobody and leaves no identifier, whichever part of us loads it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

READ = """
import sys
sys.modules["numba"] = None  # nothing is compiled, under strace
import edgehybrid
document = edgehybrid.Document.from_text(
    "The committee met on Monday to decide about the bridge. Its repair will cost two millions."
)
edgehybrid.summarize(document, points=1)
import onnxruntime
"""
RECOGNISE = """
import edgehybrid, pytest
pytest.importorskip("rapidocr")
from rapidocr import RapidOCR
RapidOCR()
"""
IMPORTED_FIRST = """
import logging
logging.basicConfig()
import onnxruntime, edgehybrid
"""


def _run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run it where it finds home, caches and temporary files empty."""
    environment = {
        name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"
    }
    environment |= {name: str(folder) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")}
    command = [sys.executable, "-c", program]
    if shutil.which("strace"):
        trace = str(folder.with_name("trace"))
        command = ["strace", "-f", "-e", "trace=connect,sendto", "-o", trace, *command]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done


def _left(folder: Path) -> list[str]:
    """What ONNX Runtime's telemetry writes."""
    found = [str(path.relative_to(folder)) for path in folder.rglob("*")]
    return [name for name in found if name == ".ses" or "Microsoft" in name]


@pytest.mark.parametrize("program", [READ, RECOGNISE], ids=["read", "recognise"])
def test_it_leaves_nothing_and_connects_to_nothing(tmp_path: Path, program: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    _run(program, home)
    assert _left(home) == []
    trace = tmp_path / "trace"
    if trace.exists():
        assert "AF_INET" not in trace.read_text()


def test_who_was_too_early_is_told(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    done = _run(IMPORTED_FIRST, home)
    assert "imported before edgehybrid" in done.stderr
    assert done.stderr.count("\n") == 1

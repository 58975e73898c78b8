"""The command on real files: good ones are summarised, each bad one is refused in one line."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from shared_files import SHARED
from test_cli import run

BAD = sorted((SHARED / "pdfs" / "bad").glob("*.pdf"))
GOOD = sorted((SHARED / "pdfs").glob("[gp]*/*.pdf"))
ABSENT = f"{SHARED}/pdfs is not here: its files are not part of the project"
needs_files = pytest.mark.skipif(not BAD, reason=ABSENT)


@needs_files
@pytest.mark.parametrize("path", BAD, ids=lambda p: p.stem)
def test_a_bad_file_is_refused_in_one_line(path: Path) -> None:
    began = time.monotonic()
    done = run("summarize", str(path))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("edgehybrid: ")
    assert path.name in done.stderr
    assert time.monotonic() - began < 20  # a promise about hanging, not about speed


@needs_files
@pytest.mark.parametrize("path", GOOD, ids=lambda p: p.stem)
def test_a_good_file_is_summarised(path: Path) -> None:
    done = run("summarize", str(path), "--points", "5", "--format", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told["points"]) == 5
    pages = [p["page"] for p in told["points"]]
    assert pages == sorted(pages)
    assert 1 <= pages[0] <= pages[-1] <= told["document"]["pages"]
    assert told["stats"]["peak_rss_bytes"] < 250e6


@needs_files
def test_the_password_opens_an_encrypted_file() -> None:
    path = SHARED / "pdfs" / "bad" / "encrypted-aes256-userpw.pdf"
    done = run("summarize", str(path), "--password", "foo")
    assert "password" not in done.stderr
    assert "password" in run("summarize", str(path), "--password", "bar").stderr


@needs_files
def test_what_is_left_of_a_damaged_file() -> None:
    path = SHARED / "pdfs" / "bad" / "corrupted-zen.pdf"
    done = run("summarize", str(path), "--damaged", "--points", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 2

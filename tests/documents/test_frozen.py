"""Programs that are packed: here a script that says so of itself, and stands in for Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from documents.pdf_files import Text, simple

from edgehybrid import freeze_support, frozen

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the program is a script with #!")

PROGRAM = """#!{python}
import subprocess, sys
sys.frozen, sys.executable, sys.path[:] = True, __file__, {path!r}
import edgehybrid
if {calls}:
    edgehybrid.freeze_support()
started = []
class Popen(subprocess.Popen):
    def __init__(self, command, **options):
        started.append(command[1:3])
        super().__init__(command, **options)
subprocess.Popen = Popen
from edgehybrid.documents.pdf import read_pdf
from edgehybrid.runtime.template import _render
with read_pdf(sys.argv[1]) as pages:
    print([block.text for page in pages for block in page.blocks])
print(_render("{{{{ a }}}} b", {{"a": "1"}}))
print(started)
"""


def run(tmp_path: Path, *, calls: bool) -> list[str]:
    """What the program prints: a page's text, a rendered template, the processes it has started."""
    program, pdf = tmp_path / "program", tmp_path / "a.pdf"
    program.write_text(PROGRAM.format(python=sys.executable, path=sys.path, calls=calls))
    program.chmod(0o700)
    pdf.write_bytes(simple([Text(72, 700, "A sentence with some plain words.")]))
    done = subprocess.run([program, pdf], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


ANSWERS = ["['A sentence with some plain words.']", "{'text': '1 b'}"]


def test_a_packed_program_starts_processes_that_are_itself(tmp_path: Path) -> None:
    *answers, started = run(tmp_path, calls=True)
    assert answers == ANSWERS
    flag = "--edgehybrid-process"
    assert started == str([[flag, "documents"], [flag, "template"]])


def test_without_the_call_it_does_all_in_its_own_process(tmp_path: Path) -> None:
    assert run(tmp_path, calls=False) == [*ANSWERS, "[]"]


def test_others_lose_nothing_by_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["program", "--edgehybrid-process", "documents"])
    freeze_support()
    assert frozen.command("documents") is None
    assert frozen.can_start()

"""The page for browsers and the program for Node give the summaries that Python gives.

They have their own tests, in TypeScript, which compare every step with Python and drive a real
browser; here these are run. Packages are installed beside the examples, once.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pypdfium2
import pytest

import edgehybrid
from edgehybrid.tasks.rendering import as_json

EXAMPLES = Path(__file__).parents[1] / "examples"
BROWSER, NODE = EXAMPLES / "browser", EXAMPLES / "node"
OLDEST = (20, 19)
SECONDS = 600


def _run(*command: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHON": sys.executable, "NO_COLOR": "1", **more}
    env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def _installed(folder: Path) -> None:
    """Install the packages of `folder`, unless they are there; skip the test if they cannot be."""
    lock, done = folder / "package-lock.json", folder / "node_modules/.package-lock.json"
    if done.exists() and done.stat().st_mtime >= lock.stat().st_mtime:
        return
    made = _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=folder)
    if made.returncode:
        pytest.skip(f"npm ci failed: {made.stderr.strip()[-200:]}")


@pytest.fixture(scope="module")
def core() -> None:
    if not (shutil.which("npm") and shutil.which("node")):
        pytest.skip("needs node and npm")
    version = _run("node", "--version", folder=EXAMPLES).stdout.strip()
    if tuple(map(int, version[1:].split(".")[:2])) < OLDEST:
        pytest.skip(f"needs node {OLDEST[0]}.{OLDEST[1]} or later, found {version}")
    _installed(BROWSER)
    made = _run("npm", "run", "core", folder=BROWSER)
    assert made.returncode == 0, made.stdout + made.stderr


@pytest.mark.usefixtures("core")
def test_every_step_and_the_page_give_what_python_gives() -> None:
    made = _run("npm", "test", folder=BROWSER)
    output = made.stdout + made.stderr
    assert made.returncode == 0, output
    print(output)
    assert int(re.findall(r"Tests\s+(\d+) passed", output)[-1]) >= 25


@pytest.mark.usefixtures("core")
def test_node_gives_the_summary_that_python_gives(tmp_path: Path) -> None:
    _installed(NODE)
    path = tmp_path / "pages.pdf"
    with pypdfium2.PdfDocument(EXAMPLES / "handbook.pdf") as whole:
        whole.del_page(0)
        for _ in range(10, len(whole)):
            whole.del_page(10)
        whole.save(path)
    made = _run("node", "summarize.mjs", str(path), "--format", "json", folder=NODE)
    assert made.returncode == 0, made.stderr
    found, wanted = json.loads(made.stdout), as_json(edgehybrid.summarize(path))
    assert [p["text"] for p in found["points"]] == [p["text"] for p in wanted["points"]]
    assert [p["page"] for p in found["points"]] == [p["page"] for p in wanted["points"]]
    assert found["tokens"] == wanted["document"]["tokens"]


@pytest.mark.usefixtures("core")
def test_node_leaves_nothing(tmp_path: Path) -> None:
    """ONNX Runtime would keep an identifier of the machine, and report."""
    _installed(NODE)
    homes = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), str(tmp_path))
    made = _run("node", "summarize.mjs", "../handbook.pdf", folder=NODE, **homes)
    assert made.returncode == 0, made.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("core")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.pdf"], "cannot open missing.pdf: ENOENT\n"),
        (["--words", "0", "a.pdf"], "words is 0; ask for 1 or more\n"),
        (["--format", "xml", "a.pdf"], "format xml is not one of text, json\n"),
        (["summarize.mjs"], "summarize.mjs: not a PDF file: it has no %PDF header and looks like"),
    ],
)
def test_node_says_in_one_line_what_is_wrong(arguments: list[str], message: str) -> None:
    _installed(NODE)
    made = _run("node", "summarize.mjs", *arguments, folder=NODE)
    assert (made.returncode, made.stdout) == (2, "")
    assert made.stderr.startswith(message)
    assert made.stderr.count("\n") == 1

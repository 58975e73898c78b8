"""No command but a download speaks to the network: here every socket raises, in children too.

A file `sitecustomize.py` is put first on the path, which children take from their parent. The
processes that read files and render templates start isolated (-I), so that it cannot watch them:
of these it is shown that they have no module for sockets. Reading mail and recognising text load
one: there sockets are refused (`tests/documents/test_ocr.py`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from documents.pdf_files import Text, simple
from serving import serving_command
from test_summarize import STORY

BLOCK = """
import socket, sys

def refuse(*args, **kwargs):
    print("NETWORK", args, file=sys.__stderr__, flush=True)
    raise OSError("the network was asked for")

socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = refuse
socket.create_connection = socket.getaddrinfo = socket.gethostbyname = refuse
"""
COMMAND = [sys.executable, "-c", "from edgehybrid.cli import main; main()"]

#: Each command that works without a download; {names} are made below. Add new commands here, but
#: those that do not end by themselves: `serve` has a test of its own.
COMMANDS = {
    "help": ["--help"],
    "version": ["--version"],
    "summarize a PDF": ["summarize", "{pdf}"],
    "summarize a text": ["summarize", "{text}"],
    "summarize Markdown": ["summarize", "{markdown}"],
    "summarize a web page": ["summarize", "{page}"],
    "summarize standard input": ["summarize", "-"],
    "summarize with a language model": [
        *("summarize", "{text}", "--model", "{writer}", "--max-tokens", "2"),
    ],
    "summarize a folder": ["summarize", "{folder}", "--out", "{summaries}", "--jobs", "1"],
    "summarize and keep": ["summarize", "{text}", "--resume"],
    "read": ["read", "{pdf}"],
    "ask": ["ask", "{text}", "What happened to the river?"],
    "ask a language model": ["ask", "{text}", "Why?", "--model", "{writer}", "--max-tokens", "2"],
    "explain": ["explain", "{pdf}", "--html", "-"],
    "explain a language model": [
        *("explain", "{text}", "--html", "-", "--model", "{writer}", "--budget", "8"),
    ],
    "list what is kept": ["cache", "list"],
    "clear what is kept": ["cache", "clear"],
    "fit a router": [
        *("fit-router", "{writer}", "--text", "{markdown}", "--out", "{probe}"),
        *("--max-tokens", "1024"),
    ],
    "generate": ["generate", "{writer}", "words", "--max-tokens", "2"],
    "chat": ["chat", "{writer}", "--max-tokens", "2"],
    "inspect": ["inspect", "{bundle}"],
    "bench": ["bench", "--contexts", "64", "--runs", "1"],
    "bench memory": ["bench", "--memory", "--contexts", "64"],
    "doctor": ["doctor"],
    "export": ["export", "{checkpoint}", "{made}", "--weights", "int8"],
}


@pytest.fixture(scope="module")
def names(
    tmp_path_factory: pytest.TempPathFactory, checkpoint: Path, bundles: dict[str, Path]
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("names")
    (folder / "block").mkdir()
    (folder / "block" / "sitecustomize.py").write_text(BLOCK)
    (folder / "a.txt").write_text(STORY)
    (folder / "documents").mkdir()
    (folder / "documents" / "b.txt").write_text(STORY)
    (folder / "large.md").write_text(STORY * 200)
    (folder / "page.html").write_text(f"<html><p>{STORY}</p><img src='http://127.0.0.1:9/a.png'>")
    (folder / "a.pdf").write_bytes(simple([Text(72, 700, "A sentence with some plain words.")]))
    return {
        "block": folder / "block",
        "text": folder / "a.txt",
        "markdown": folder / "large.md",
        "page": folder / "page.html",
        "pdf": folder / "a.pdf",
        "bundle": bundles["int8"],
        "checkpoint": checkpoint,
        "made": folder / "made",
        "probe": folder / "probe.safetensors",
        "folder": folder / "documents",
        "summaries": folder / "summaries",
    }


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers")
    from writers import write_bundle

    return write_bundle(tmp_path_factory.mktemp("writer"))


def blocked(names: dict[str, Path]) -> dict[str, str]:
    """The environment of processes whose sockets raise."""
    path = os.pathsep.join(filter(None, (str(names["block"]), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path}


def without_network(command: list[str], names: dict[str, Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=STORY, capture_output=True, text=True, timeout=300, env=blocked(names)
    )


def test_the_block_holds(names: dict[str, Path]) -> None:
    code = "import socket; socket.create_connection(('127.0.0.1', 9))"
    for more in ([], ["-X", "dev"]):
        done = without_network([sys.executable, *more, "-c", code], names)
        assert "NETWORK" in done.stderr
        assert done.returncode


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_asks_for_the_network(
    request: pytest.FixtureRequest, names: dict[str, Path], name: str
) -> None:
    known = dict(names)
    if "{page}" in COMMANDS[name]:
        pytest.importorskip("lxml")
    if "{writer}" in COMMANDS[name]:
        known["writer"] = request.getfixturevalue("writer")
    arguments = [part.format(**known) for part in COMMANDS[name]]
    done = without_network([*COMMAND, *arguments], names)
    assert "NETWORK" not in done.stderr
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_serving_only_listens(names: dict[str, Path]) -> None:
    """It is asked, and asks nobody: not even for its own name."""
    pytest.importorskip("uvicorn", reason="what serves: edgehybrid[serve]")
    with serving_command(env=blocked(names)) as (server, process):
        answer = server.upload(names["pdf"].read_bytes(), "a.pdf", stream="true")
        assert answer.events[-1][0] == "summary"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert b"NETWORK" not in process.stderr.read()


def test_isolated_processes_import_no_sockets() -> None:
    code = (
        "import sys, edgehybrid.documents.isolated.worker, edgehybrid.documents.pdf.reader\n"
        "import edgehybrid.documents.markdown, edgehybrid.documents.text\n"
        "import edgehybrid.documents.office.rtf\n"
        "try: from edgehybrid.documents.office import docx, epub, html, odt, pptx\n"
        "except ModuleNotFoundError: pass  # without lxml\n"
        "import edgehybrid.runtime.rendering\n"
        "print(sorted({'socket', '_socket', 'ssl', 'http', 'urllib.request'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path[:] = {sys.path!r}\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"

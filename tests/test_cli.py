"""The command as a user meets it: answers on stdout, all else on stderr, errors in one line."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_summarize import STORY

COMMAND = [sys.executable, "-m", "edgehybrid"]


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*COMMAND, *arguments], input=stdin, capture_output=True, timeout=120)
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


@pytest.fixture
def story(tmp_path: Path) -> str:
    path = tmp_path / "story.txt"
    path.write_text(STORY)
    return str(path)


def test_text(story: str) -> None:
    done = run("summarize", story, "--points", "2")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("[p. 1] ") and line[7:] in STORY for line in lines)
    assert done.stderr == ""


def test_markdown_and_json(story: str) -> None:
    assert run("summarize", story, "--format", "markdown").stdout.startswith("# story.txt\n\n- ")
    told = json.loads(run("summarize", story, "--format", "json").stdout)
    assert told["document"]["pages"] == 1


def test_standard_input(story: str) -> None:
    done = run("summarize", "-", "--points", "1", stdin=STORY.encode())
    assert done.stdout.startswith("[p. 1] ")
    done = run("summarize", "-", stdin=b"")
    assert done.returncode == 2
    assert "standard input is empty" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.pdf"], "cannot open nowhere.pdf"),
        (["{story}", "--words", "0"], "words is 0"),
        (["{story}", "--pages", "9-3"], "pages 9-3 is not a range"),
        (["{story}", "--pages", "x"], "--pages 'x'"),
        (["{story}", "--model", "nowhere"], "no bundle in nowhere"),
        (["{story}", "--budget", "-4"], "budget -4"),
        (["{story}", "--budget", "1k"], "budget '1k' is not a number of tokens: say 64, by layer"),
        (["{story}", "--budget", "0:8"], "budget names layer 0, which has no attention"),
        (["{story}", "--router", "best"], "router 'best' is not one of learned, fitted"),
        (["{story}", "--router", "fitted"], "there is no router.safetensors in"),
    ],
)
def test_errors_are_one_line(story: str, arguments: list[str], message: str) -> None:
    done = run("summarize", *(a.format(story=story) for a in arguments))
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("edgehybrid: ")


def test_usage_errors(story: str) -> None:
    done = run("summarize", story, "--no-such-option")
    assert done.returncode == 2
    assert "no-such-option" in done.stderr


def test_help_has_examples() -> None:
    done = run("summarize", "--help")
    assert done.returncode == 0
    assert "edgehybrid summarize report.pdf" in done.stdout
    assert "summarize" in run("--help").stdout
    assert run("--version").stdout.startswith("edgehybrid ")


def test_closed_pipe(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("\n\n".join(STORY.replace("river", f"river {i}") for i in range(300)))
    shell = f"{' '.join(map(_quoted, COMMAND))} summarize {path} --words 5000 | head -n 1"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=120)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def _quoted(word: str) -> str:
    import shlex

    return shlex.quote(word)


def test_interrupt(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("\n\n".join(STORY.replace("river", f"river {i}") for i in range(20_000)))
    process = subprocess.Popen(
        [*COMMAND, "summarize", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:  # it came while a callback ran, in which Python drops it
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == ""
    assert err == "edgehybrid: interrupted\n"


def test_progress_is_shown_on_a_terminal_only(story: str) -> None:
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(
        [*COMMAND, "summarize", story], stdout=subprocess.PIPE, stderr=slave, env=environment
    ) as process:
        os.close(slave)
        shown = _read_all(master)
        assert process.stdout is not None
        assert process.stdout.read().startswith(b"[p. 1] ")
    assert b"tokens/s" in shown


def _read_all(terminal: int) -> bytes:
    shown = b""
    try:
        while piece := os.read(terminal, 65536):
            shown += piece
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(terminal)
    return shown

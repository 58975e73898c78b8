"""A folder read by processes of this machine, which die, are interrupted, and leave nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_summarize import STORY
from test_surroundings import COMMAND, _ended, _lives, run

import edgehybrid
from edgehybrid.batch.journal import JOURNAL
from edgehybrid.errors import RequestError
from edgehybrid.files import is_unfinished

posix = pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two documents of one stem, one below, and an empty one."""
    made = tmp_path / "folder"
    (made / "below").mkdir(parents=True)
    (made / "a.md").write_text(f"# Flood\n\n{STORY}")
    (made / "a.txt").write_text(STORY)
    (made / "below" / "line\nbreak.txt").write_text(STORY.replace("river", "lake"))
    (made / "empty.txt").touch()
    return made


def test_each_summary_is_that_of_the_document_alone(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    seen: list[edgehybrid.FolderProgress] = []
    report = edgehybrid.summarize_folder(folder, out, points=2, jobs=2, progress=seen.append)
    assert [(row.document, row.reason) for row in report.failed] == [
        ("empty.txt", "is empty (0 bytes)")
    ]
    model = edgehybrid.load()
    for name in ("a.md", "a.txt", "below/line\nbreak.txt"):
        points = edgehybrid.summarize(folder / name, points=2, model=model).points
        expected = "".join(f"[p. 1] {point.text}\n" for point in points)
        assert (out / f"{name}.txt").read_text() == expected
    assert seen[-1].documents == seen[-1].documents_total == 4
    assert seen[-1].pages == 3
    assert report.peak_rss_bytes is None or report.peak_rss_bytes > 50 << 20
    assert not multiprocessing.active_children()


def test_a_document_that_kills_its_worker(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("\f".join([STORY] * 3000))
    (folder / "b.txt").write_text(STORY)
    killed: list[int] = []

    def kill(now: edgehybrid.FolderProgress) -> None:
        if now.documents == 0 and now.pages and not killed:  # pages of a.txt were read
            for child in multiprocessing.active_children():
                killed.append(child.pid or 0)
                child.kill()

    report = edgehybrid.summarize_folder(folder, tmp_path / "out", jobs=1, progress=kill)
    assert len(killed) == 1
    assert [row.status for row in report.rows] == ["failed", "done"]
    assert "the worker process ended" in report.rows[0].reason
    (folder / "a.txt").write_text(STORY)
    report = edgehybrid.summarize_folder(folder, tmp_path / "out", jobs=1)
    assert [row.status for row in report.rows] == ["done", "up to date"]


def test_what_workers_refuse_ends_the_run(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"seed is 1, but .* is a reader"):
        edgehybrid.summarize_folder(folder, tmp_path / "out", seed=1, jobs=1)
    assert not multiprocessing.active_children()


def test_a_script_without_a_guard(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    call = f"edgehybrid.summarize_folder({str(folder)!r}, {str(tmp_path / 'out')!r})"
    script.write_text(f"import edgehybrid\n{call}\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "WorkersError" in done.stderr
    assert "__main__" in done.stderr.splitlines()[-1]


def test_the_command(folder: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    done = run("summarize", folder, "--out", out, "--format", "json", "--jobs", "1")
    assert done.returncode == 1, done.stderr
    assert done.stderr == b""
    lines = done.stdout.decode().splitlines()
    assert lines[1].split() == ["done", "3", "3", lines[1].split()[-1]]
    assert "  empty.txt: is empty (0 bytes)" in lines
    (folder / "empty.txt").unlink()
    done = run("summarize", folder, "--out", out, "--format", "json")
    assert done.returncode == 0
    assert done.stdout.decode().splitlines()[2].startswith("up to date           3")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{folder}"], "say with --out where"),
        (["{folder}/a.md", "--out", "{out}"], "--out is for a folder of documents"),
        (["{folder}/a.md", "--jobs", "2"], "--jobs is for a folder"),
        (["{folder}/nowhere", "--out", "{out}"], "there is no such folder"),
        (["-", "--out", "{out}"], "--out is for a folder"),
        (["{folder}", "--out", "{folder}"], "give summaries a folder of their own"),
        (["{folder}", "--out", "{folder}/a.md"], "is a file: name a folder"),
        (["{folder}", "--out", "{out}", "--jobs", "0"], "jobs is 0"),
        (["{folder}", "--out", "{out}", "--model", "nowhere"], "no bundle in nowhere"),
        (["{folder}", "--out", "{out}", "--resume"], "--resume is for one file"),
        (["{folder}", "--out", "{out}", "--pages", "x"], "--pages 'x'"),
    ],
)
def test_wrong_arguments(folder: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    done = run("summarize", *(a.format(folder=folder, out=tmp_path / "out") for a in arguments))
    assert (done.returncode, done.stdout) == (2, b"")
    assert message in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


def started(folder: Path, out: Path) -> subprocess.Popen[str]:
    """A run over a short and a long document that has done the short one."""
    folder.mkdir()
    (folder / "a.txt").write_text(STORY)
    (folder / "b.txt").write_text("\f".join([STORY] * 40_000))
    process = subprocess.Popen(
        [*COMMAND, "summarize", folder, "--out", out, "--jobs", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for _ in range(600):
        if (out / JOURNAL).exists() and (out / JOURNAL).stat().st_size:
            return process
        time.sleep(0.1)
    process.kill()
    raise AssertionError(process.communicate())


@posix
@pytest.mark.parametrize("to_all", [False, True])
def test_interrupted(tmp_path: Path, to_all: bool) -> None:
    out = tmp_path / "out"
    process = started(tmp_path / "folder", out)
    if to_all:  # as a terminal does it
        os.killpg(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    else:
        stdout, stderr = _ended(process, signal.SIGINT)
    assert (process.returncode, stdout, stderr) == (130, "", "edgehybrid: interrupted\n")
    assert not _lives(process.pid)
    assert not [path for path in out.rglob("*") if is_unfinished(path.name)]


@posix
def test_killed_it_leaves_no_processes_and_goes_on(tmp_path: Path) -> None:
    folder, out = tmp_path / "folder", tmp_path / "out"
    process = started(folder, out)
    process.kill()
    process.communicate()
    assert not _lives(process.pid)
    (folder / "b.txt").write_text(STORY)
    report = edgehybrid.summarize_folder(folder, out, jobs=1)
    assert [row.status for row in report.rows] == ["up to date", "done"]


def test_a_closed_pipe(folder: Path, tmp_path: Path) -> None:
    command = [*COMMAND, "summarize", folder, "--out", tmp_path / "out"]
    done = subprocess.run(
        ["bash", "-c", '"$@" | head -n 1', "bash", *command], capture_output=True, timeout=120
    )
    assert done.stdout.split() == [b"documents", b"pages", b"words"]
    assert done.stderr == b""

"""The command in rough surroundings: one line or silence, the right exit code, nothing left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from test_summarize import STORY

COMMAND = [sys.executable, "-c", "from edgehybrid.cli import main; main()"]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="surroundings are those of POSIX")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("story") / "story.txt"
    path.write_text(STORY)
    return path


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.txt"
    path.write_text("\n\n".join(STORY.replace("river", f"river {i}") for i in range(20_000)))
    return path


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers")
    from writers import write_bundle

    made = write_bundle(tmp_path_factory.mktemp("writer"))
    run("chat", made, "--max-tokens", "2", stdin=b"words\n")  # kernels are compiled once
    return made


def run(
    *arguments: str | bytes | Path, stdin: bytes = b"", **more: Any
) -> subprocess.CompletedProcess[bytes]:
    more.setdefault("stdout", subprocess.PIPE)
    more.setdefault("stderr", subprocess.PIPE)
    return subprocess.run([*COMMAND, *arguments], input=stdin, timeout=120, **more)


def clean(done: subprocess.CompletedProcess[bytes], code: int, line: str = "") -> None:
    """It ended with `code`, and said nothing but one line that holds `line`."""
    error = (done.stderr or b"").decode()
    assert done.returncode == code, error
    assert "Traceback" not in error
    assert "Exception ignored" not in error
    assert error.count("\n") == bool(line), error
    assert line in error


def closing(descriptor: int) -> Callable[[], None]:
    return lambda: os.close(descriptor)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_full_disk(story: Path, form: str) -> None:
    with open("/dev/full", "wb") as full:
        done = run("summarize", story, "--format", form, stdout=full)
    clean(done, 1, "No space left on device")


def little_room() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))


def test_room_for_2000_bytes(story: Path, checkpoint: Path, tmp_path: Path) -> None:
    with (tmp_path / "answer").open("wb") as file:
        done = run(
            *("summarize", story, "--words", "5000", "--format", "json"),
            stdout=file,
            preexec_fn=little_room,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
    assert done.returncode in (0, 1)
    assert b"Traceback" not in done.stderr
    done = run("export", checkpoint, tmp_path / "made", preexec_fn=little_room)
    clean(done, 1, "File too large")
    assert [path.name for path in tmp_path.iterdir()] == ["answer"]


def test_nobody_reads_stderr_either(story: Path) -> None:
    with open("/dev/full", "wb") as full:
        assert run("summarize", "nowhere.txt", stderr=full).returncode == 2
        assert run("summarize", story, stdout=full, stderr=full).returncode == 1


@pytest.mark.parametrize("descriptor", [0, 1, 2])
def test_a_closed_stream(story: Path, descriptor: int) -> None:
    done = subprocess.run(
        [*COMMAND, "summarize", story, "--points", "1"],
        capture_output=True,
        preexec_fn=closing(descriptor),
        timeout=120,
    )
    clean(done, 0)
    assert bool(done.stdout) == (descriptor != 1)


def test_standard_input_is_closed_where_it_is_read() -> None:
    done = subprocess.run(
        [*COMMAND, "summarize", "-"], capture_output=True, preexec_fn=closing(0), timeout=120
    )
    clean(done, 2, "standard input is empty")


def test_no_home_and_no_cache(story: Path) -> None:
    nowhere = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR"), "/dev/null/none")
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    for environment in (kept, {**kept, **nowhere}):
        done = run("summarize", story, "--points", "1", env=environment)
        assert done.returncode == 0, done.stderr
        assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("environment", [{"LANG": "C"}, {"PYTHONIOENCODING": "ascii"}])
def test_output_that_holds_ascii_only(tmp_path: Path, environment: dict[str, str]) -> None:
    path = tmp_path / "typographic.txt"
    path.write_text(STORY.replace("river", "“río”"))
    clean(run("summarize", path, "--points", "2", env={**os.environ, **environment}), 0)


def test_errors_do_not_steer_terminals() -> None:
    done = run("summarize", "\x1b[2J\nnowhere.txt")
    clean(done, 2, "?[2J nowhere.txt")
    assert b"\x1b" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="others demand UTF-8 in names")
def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9"
    for suffix in (b".txt", b".md"):
        Path(os.fsdecode(name + suffix)).write_text(STORY)
        done = run("summarize", name + suffix, "--points", "1", "--format", "markdown")
        clean(done, 0)
        assert done.stdout.startswith(b"# caf?.")
    clean(run("summarize", name + b".pdf"), 2, "caf?.pdf")
    Path(os.fsdecode(name + b".pdf")).write_bytes(b"%PDF-1.4 nothing")
    clean(run("summarize", name + b".pdf"), 2, "caf?.pdf")
    clean(run("inspect", name), 2, "no bundle in")


def test_standard_input_that_is_no_utf8(story: Path) -> None:
    clean(run("summarize", "-", "--points", "1", stdin=STORY.encode("utf-16")), 0)
    clean(run("summarize", "-", "--points", "1", stdin=STORY.replace("r", "é").encode("cp1252")), 0)
    clean(run("summarize", "-", stdin=b"\0\0\0"), 2, "is not text")


def test_prompts_that_are_no_utf8(writer: Path) -> None:
    clean(run("generate", writer, "-", "--max-tokens", "2", stdin=b"caf\xe9"), 0)
    clean(run("generate", writer, b"caf\xe9", "--max-tokens", "2"), 0)
    clean(run("generate", writer, "-", stdin=b"\0\0"), 2, "is not text")
    done = run("chat", writer, "--system", b"caf\xe9", "--max-tokens", "2", stdin=b"caf\xe9\n")
    clean(done, 0)


def test_readings_that_cannot_be_kept(story: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in ("/dev/null", str(tmp_path / "file")):
        environment = {**os.environ, "EDGEHYBRID_CACHE": place}
        for command in (["read", story], ["ask", story, "Why?"], ["cache", "clear"]):
            clears = command[0] == "cache"
            line = "0 readings deleted" if clears else "name another folder by EDGEHYBRID_CACHE"
            clean(run(*command, env=environment), 0 if clears else 2, line)


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
@pytest.mark.parametrize(
    ("number", "code", "line"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
@pytest.mark.parametrize("command", ["summarize", "read", "generate", "bench"])
def test_signals(
    request: pytest.FixtureRequest, command: str, number: int, code: int, line: str, long: Path
) -> None:
    if command == "generate":
        arguments = [str(request.getfixturevalue("writer")), "word", "--max-tokens", "1000000"]
    else:
        arguments = ["--contexts", "4m"] if command == "bench" else [str(long)]
    process = subprocess.Popen(
        [*COMMAND, command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    time.sleep(2.5)
    group = process.pid
    _, told = _ended(process, number)
    assert process.returncode == code, told
    assert told.splitlines()[-1] == f"edgehybrid: {line}"
    assert "Traceback" not in told
    assert not _lives(group)


def _ended(process: subprocess.Popen[str], number: int) -> tuple[str, str]:
    process.send_signal(number)
    try:
        return process.communicate(timeout=10)
    except subprocess.TimeoutExpired:  # it came while a callback ran, in which Python drops it
        process.send_signal(number)
        return process.communicate(timeout=30)


def _lives(group: int) -> bool:
    """Whether a process of the group is left after a moment."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.1)
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    return True

"""The command as a process: a port in use, Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("openai", reason="the client that asks: edgehybrid[test]")
pytest.importorskip("uvicorn", reason="what serves: edgehybrid[serve]")
pytest.importorskip("torch", reason="the models are made by PyTorch: edgehybrid[test]")
pytest.importorskip("transformers", reason="the models are made by transformers: edgehybrid[test]")

from serving import SECONDS, form, serving_command, wait_until
from test_summarize import STORY

from edgehybrid.serve.upload import PREFIX

COMMAND = [sys.executable, "-c", "from edgehybrid.cli import main; main()", "serve"]


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run([*COMMAND, "--port", port], capture_output=True, timeout=SECONDS)
    assert done.returncode == 2
    assert done.stderr.decode() == (
        f"edgehybrid: cannot listen on 127.0.0.1 port {port}: Address already in use; choose "
        "another with --port\n"
    )


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_ends_it(bundle: Path, tmp_path: Path) -> None:
    """What can be finished in a moment is; the rest is broken off, and leaves nothing."""
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with serving_command("--model", str(bundle), env=env) as (server, process):
        body, kind = form("\f".join([STORY] * 4000).encode(), "a.txt", stream="true")
        with server.connect() as short, server.connect() as long:
            long.request("POST", "/v1/summaries", body, {"Content-Type": kind})
            answer = long.getresponse()
            assert answer.readline() == b"event: progress\n"
            assert uploads(tmp_path)
            body, kind = form("\f".join([STORY] * 40).encode(), "a.txt")
            short.request("POST", "/v1/summaries", body, {"Content-Type": kind})
            wait_until(lambda: len(uploads(tmp_path)) == 2)
            process.send_signal(signal.SIGINT)
            assert short.getresponse().status == 200
            assert process.wait(SECONDS) == 0
        assert process.stderr is not None
        told = process.stderr.read().decode().splitlines()
    assert told[-1] == "edgehybrid: stopped"
    assert all(re.match(r"edgehybrid: (POST|stopped)", line) for line in told), told
    assert not uploads(tmp_path)


def uploads(folder: Path) -> list[Path]:
    """Ours: onnxruntime leaves a file of its own among temporary files."""
    return list(folder.glob(f"{PREFIX}*"))

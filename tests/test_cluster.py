"""The same through a Dask cluster, whose workers see none of this machine's files."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_folder import folder as folder  # a fixture
from test_summarize import STORY
from test_surroundings import COMMAND, _ended, run

import edgehybrid
from edgehybrid.batch import cluster as clusters
from edgehybrid.errors import RequestError, WorkersError

distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's own


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    import dask

    # A local cluster gives up workers that it starts again for longer than this.
    patience = dask.config.set({"distributed.deploy.lost-worker-timeout": "300s"})
    with (
        patience,
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as made,
    ):
        yield made


def kill_those_who_read(address: str) -> int:
    """Kill the workers that are at something; how many."""
    with distributed.Client(address, set_as_default=False) as client:
        busy = [worker for worker, keys in client.processing().items() if keys]
        pids = client.run(os.getpid)
    for worker in busy:
        os.kill(pids[worker], signal.SIGKILL)
    return len(busy)


def test_the_same_bytes_as_here(cluster: Any, folder: Path, tmp_path: Path) -> None:
    (folder / "below" / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    here = edgehybrid.summarize_folder(folder, tmp_path / "here", format="markdown", jobs=1)
    there = edgehybrid.summarize_folder(
        folder, tmp_path / "there", format="markdown", scheduler=cluster.scheduler_address
    )
    told = [(row.document, row.status, row.summary, row.reason) for row in there.rows]
    assert told == [(row.document, row.status, row.summary, row.reason) for row in here.rows]
    assert len(there.failed) == 2
    for path in (tmp_path / "here").rglob("*.md"):
        other = tmp_path / "there" / path.relative_to(tmp_path / "here")
        assert other.read_bytes() == path.read_bytes()
    again = edgehybrid.summarize_folder(folder, tmp_path / "there", format="markdown", jobs=1)
    assert [row.status for row in again.rows].count("up to date") == 3


def test_a_document_that_kills_workers(cluster: Any, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("\f".join([STORY] * 40_000))
    address, lost = cluster.scheduler_address, 0

    def kill(now: edgehybrid.FolderProgress) -> None:
        nonlocal lost
        tries = cluster.scheduler.extensions["variables"].variables
        if any(try_["value"] > lost for try_ in tries.values()):
            lost += kill_those_who_read(address)

    report = edgehybrid.summarize_folder(folder, tmp_path / "o", scheduler=address, progress=kill)
    assert [row.reason for row in report.failed] == ["3 workers were lost while they read it"]
    assert lost == 3


def test_another_version_or_model(
    cluster: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = cluster.scheduler_address
    with monkeypatch.context() as patched:
        patched.setattr(edgehybrid, "__version__", "0.0.1")
        with pytest.raises(WorkersError, match=r"but 0\.0\.1 is wanted: install the same"):
            edgehybrid.summarize_folder(folder, tmp_path / "out", scheduler=address)
    monkeypatch.setattr("edgehybrid.bundle.Bundle.fingerprint", "another")
    with pytest.raises(WorkersError, match="is another one than"):
        edgehybrid.summarize_folder(folder, tmp_path / "out", scheduler=address)


def test_a_document_that_is_too_large_to_send(
    cluster: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "MAX_SENT", 100)
    report = edgehybrid.summarize_folder(
        folder, tmp_path / "out", scheduler=cluster.scheduler_address
    )
    assert sum("are not sent to a cluster" in row.reason for row in report.failed) == 3


def test_interrupted(cluster: Any, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.txt").write_text("\f".join([STORY] * 2000))
    address = cluster.scheduler_address
    process = subprocess.Popen(
        [*COMMAND, "summarize", folder, "--out", tmp_path / "o", "--scheduler", address],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with distributed.Client(address, set_as_default=False) as client:
        wait_until(lambda: any(client.processing().values()))
        told = _ended(process, signal.SIGINT)
        assert (process.returncode, *told) == (130, "", "edgehybrid: interrupted\n")
        wait_until(lambda: not any(client.processing().values()))


def wait_until(condition: Any) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen within 60 s")


def test_nobody_answers(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "PATIENCE", 1.0)
    for address in ("tcp://127.0.0.1:1", "nonsense", "nonsense://a:1"):
        with pytest.raises(WorkersError, match="cannot use a Dask scheduler at") as raised:
            edgehybrid.summarize_folder(folder, tmp_path / "out", scheduler=address)
        assert "\n" not in str(raised.value)


def test_something_else_answers(folder: Path, tmp_path: Path) -> None:
    def answer() -> None:
        with server.accept()[0] as connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" * 9)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer).start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(WorkersError, match="cannot use a Dask scheduler at"):
            edgehybrid.summarize_folder(folder, tmp_path / "out", scheduler=address)


def test_a_cluster_without_workers(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "WORKERLESS", 0.5)
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=None) as empty,
        pytest.raises(WorkersError, match="has had no workers for"),
    ):
        edgehybrid.summarize_folder(folder, tmp_path / "out", scheduler=empty.scheduler_address)


def test_dask_is_not_installed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(RequestError, match=r"pip install 'edgehybrid\[cluster\]'"):
        edgehybrid.summarize_folder(folder, tmp_path / "out", scheduler="tcp://127.0.0.1:1")


def test_the_command_without_a_scheduler(folder: Path, tmp_path: Path) -> None:
    done = run("summarize", folder, "--out", tmp_path / "out", "--scheduler", "nonsense")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.count(b"\n") == 1

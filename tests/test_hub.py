"""Names on the hub: what is downloaded, what is refused, and what is left after a break."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from checkpoints import random_reader
from hub_server import COMMIT, Hub, serving
from test_checkpoint import _shard as shard
from test_cli import COMMAND, _read_all

from edgehybrid_export import CheckpointError, ExportError, HubError, export
from edgehybrid_export.source import find

constants = pytest.importorskip("huggingface_hub.constants", reason="no client of the hub here")
NAME, WEIGHTS = "tiny/reader", "model.safetensors"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A local hub that has `tiny/reader`, and an empty cache; nothing else can be reached."""
    with serving() as served:
        served.folders[NAME] = random_reader(tmp_path / "served")
        monkeypatch.setattr(constants, "ENDPOINT", served.address)
        template = served.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield served


def run(hub: Hub, tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_CACHE": str(tmp_path / "cache"),
    }
    return subprocess.Popen(
        [*COMMAND, "export", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_bundle_from_a_name(hub: Hub, tmp_path: Path) -> None:
    source = hub.folders[NAME]
    (source / "README.md").write_text("---\nlicense: apache-2.0\n---\na model card")
    (source / "notes.txt").write_text("not needed")
    (source / "LICENSE").write_text("a licence")
    (source / "pytorch_model.bin").write_bytes(b"a pickle beside the weights")
    manifest = export(NAME, tmp_path / "bundle", weights="float32")
    local = export(source, tmp_path / "local", weights="float32")
    assert manifest["name"] == "reader-float32"
    assert manifest["source"] == {**local["source"], "hub": NAME, "commit": COMMIT}
    assert manifest["files"] == local["files"]
    assert manifest["licence"] == "apache-2.0"
    downloads = ["config.json", "tokenizer.json", "LICENSE", "README.md", WEIGHTS]
    assert hub.downloads() == downloads


def test_shards_from_a_name(hub: Hub) -> None:
    shard(hub.folders[NAME])
    folder = find(NAME).folder
    assert (folder / f"{WEIGHTS}.index.json").is_symlink()
    assert len(list(folder.glob("model-*"))) == 2


def test_offline_takes_what_was_downloaded(hub: Hub) -> None:
    with pytest.raises(HubError, match=r"'main' of tiny/reader is not complete in .*cache: run"):
        find(NAME, offline=True)
    first = find(NAME)
    hub.asked.clear()
    assert find(NAME, offline=True) == first
    assert find(NAME, COMMIT, offline=True) == first
    assert hub.asked == []


def test_an_offline_environment(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="run once without"):
        find(NAME)


def test_a_folder_goes_first(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    random_reader(tmp_path / NAME)
    assert find(NAME).hub is None
    with pytest.raises(ExportError, match="'v2' is for hub names"):
        find(NAME, "v2")


@pytest.mark.parametrize(
    "name", ["./tiny/reader", "/tiny/reader", "~/reader", "reader", "a/b/c", "tiny/", "../x"]
)
def test_paths_never_go_to_the_network(
    hub: Hub, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(CheckpointError, match=r"there is no folder .*, and a hub name is owner/"):
        find(name)
    with pytest.raises(CheckpointError, match="there is no folder"):
        find(Path("tiny/reader"))


def test_without_the_client(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.delitem(sys.modules, "edgehybrid_export.hub", raising=False)
    with pytest.raises(ExportError, match=r"huggingface_hub is missing\): pip install 'edgehybrid"):
        find(NAME)


def test_pickles_are_not_downloaded(hub: Hub, tmp_path: Path) -> None:
    (hub.folders[NAME] / WEIGHTS).rename(hub.folders[NAME] / "pytorch_model.bin")
    with pytest.raises(HubError, match=r"tiny/reader has weights as pytorch_model\.bin, a pickle"):
        export(NAME, tmp_path / "bundle")
    assert hub.asked == []


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json", WEIGHTS])
def test_not_a_checkpoint(hub: Hub, missing: str) -> None:
    (hub.folders[NAME] / missing).unlink()
    with pytest.raises(HubError, match=f"tiny/reader.*{missing}"):
        find(NAME)
    assert hub.asked == []


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        ((403, "GatedRepo"), "tiny/reader is gated: ask for access"),
        ((401, "RepoNotFound"), "no folder tiny/reader, and http.* shows no such repository"),
        ((404, "RepoNotFound"), "no folder tiny/reader, and http.* shows no such repository"),
        ((403, ""), "answered 403 for tiny/reader"),
    ],
)
@pytest.mark.parametrize("what", ["", "/resolve"])
def test_refusals(hub: Hub, what: str, refusal: tuple[int, str], message: str) -> None:
    hub.refusals[NAME + what] = refusal
    with pytest.raises(HubError, match=message) as raised:
        find(NAME)
    assert "\n" not in str(raised.value)


def test_a_hub_that_is_down(hub: Hub) -> None:
    hub.refusals[NAME] = (503, "")
    with pytest.raises(HubError, match="answered 503 for tiny/reader: try later"):
        find(NAME)


def test_an_unknown_revision(hub: Hub) -> None:
    with pytest.raises(HubError, match="tiny/reader has no revision 'v9': give a branch"):
        find(NAME, "v9")


def test_no_network(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubError, match=r"cannot get tiny/reader from .*ConnectError.*--offline"):
        find(NAME)


def test_no_room(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(HubError, match=r"has 0\.0 MB free, the download takes 0\.\d MB"):
        find(NAME)
    assert hub.asked == []


def test_a_disk_that_fills_up(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.file_download.http_get", full)
    with pytest.raises(HubError, match="is full: make room, or set HF_HOME"):
        find(NAME)


def test_a_broken_connection_goes_on_where_it_broke(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1)  # what is not a whole chunk is lost
    hub.breaks[WEIGHTS] = 1
    folder = find(NAME).folder
    size = (hub.folders[NAME] / WEIGHTS).stat().st_size
    assert (folder / WEIGHTS).read_bytes() == (hub.folders[NAME] / WEIGHTS).read_bytes()
    ranges = [r for method, file, r in hub.asked if (method, file) == ("GET", WEIGHTS)]
    assert ranges == [None, f"bytes={size // 2}-"]


def test_the_amount_is_told_and_finished_files_are_kept(
    hub: Hub, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "edgehybrid_export")
    shard(hub.folders[NAME])
    second = "model-00002-of-00002.safetensors"
    kept = (hub.folders[NAME] / second).read_bytes()
    (hub.folders[NAME] / second).unlink()
    find(NAME)
    (hub.folders[NAME] / second).write_bytes(kept)
    hub.asked.clear()
    find(NAME)
    assert hub.downloads() == [second]
    assert [r.message.split(": ")[1].split(",")[0] for r in caplog.records] == [
        "4 files",
        "1 files",
    ]
    find(NAME)
    assert len(caplog.records) == 2


def test_command(hub: Hub, tmp_path: Path) -> None:
    out, err = run(hub, tmp_path, NAME, str(tmp_path / "out")).communicate(timeout=120)
    assert out.startswith(f"{tmp_path / 'out'}: reader-int8")
    assert err.startswith(f"edgehybrid: downloading {NAME} at {COMMIT[:12]}: 3 files, 0.")
    assert err.count("\n") == 1
    process = run(hub, tmp_path, "tiny/writer", str(tmp_path / "other"))
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err.count("\n")) == (2, "", 1)


def test_interrupt(hub: Hub, tmp_path: Path) -> None:
    hub.pause = 3600
    process = run(hub, tmp_path, NAME, str(tmp_path / "out"))
    deadline = time.monotonic() + 60
    while not hub.downloads() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "edgehybrid: interrupted"
    assert not list(tmp_path.glob("*out*"))
    assert not list(tmp_path.rglob("*.incomplete"))


def test_a_bar_on_a_terminal_only(hub: Hub, tmp_path: Path) -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    code = f"from edgehybrid_export.source import find; find({NAME!r})"
    environment = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home")}
    environment.pop("HF_HUB_CACHE", None)
    with subprocess.Popen([sys.executable, "-c", code], stderr=slave, env=environment):
        os.close(slave)
        assert b"100%" in _read_all(master)

"""`edgehybrid doctor`: what it finds in surroundings that are made up, and the verdict."""

from __future__ import annotations

import copy
import json
import logging
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from test_cli import run

from edgehybrid.doctor import computing, examining, folders, memory, packages, processor, reading
from edgehybrid.doctor.advice import advice
from edgehybrid.doctor.rendering import lines

FOUND: dict[str, Any] = {
    "system": "Linux",
    "python": "CPython 3.13.1",
    "processor": {
        "name": "A board",
        "kind": "aarch64",
        "bits": 64,
        "cores": 4,
        "threads": 4,
        "features": {"NEON": True, "dotprod": True, "i8mm": False},
        "features_from": "llvmlite",
    },
    "memory": {"total_bytes": 8 << 30, "available_bytes": 6 << 30, "limit_bytes": None},
    "packages": {"installed": True, "versions": {"numpy": "2.4"}, "extras": {"plot": ["mat"]}},
    "bundle": {"path": "reader", "name": "reader-int8", "bytes": 11_000_000, "error": None},
    "computing": {
        "route": "numba alone",
        "why": "Numba is installed",
        "numba": {"cache": "folder", "writable": True, "compiled": True},
    },
    "readings": {"path": "readings", "writable": True, "bytes": 0},
    "reading": {"reads": True, "error": None, "seconds": 0.5},
    "advice": [],
}


def changed(section: str, **values: Any) -> dict[str, Any]:
    found = copy.deepcopy(FOUND)
    found[section].update(values)
    return found


def test_nothing_is_amiss() -> None:
    assert advice(FOUND) == []
    assert "Nothing that was looked at will be slow." in list(lines(FOUND))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (changed("computing", numba=None, why="no Numba"), ["twice as long", "pip install numba"]),
        (
            changed("computing", route="numba with graphs", why="it has no fast products of bytes"),
            ["slower than on newer", "graphs do the products"],
        ),
        (
            changed("computing", numba={"cache": "a", "writable": False, "compiled": False}),
            ["Every start", "a is not writable", "NUMBA_CACHE_DIR"],
        ),
        (
            changed("computing", numba={"cache": "a", "writable": True, "compiled": False}),
            ["first reading", "once"],
        ),
        (changed("processor", threads=1), ["Only 1 of 4 cores", "taskset"]),
        (changed("processor", threads=1, cores=1), ["share one core"]),
        (changed("memory", available_bytes=200_000_000), ["200 MB are left", 'kernels="numpy"']),
        (changed("memory", limit_bytes=256_000_000), ["256 MB are left", "raise the limit"]),
        (changed("processor", bits=32), ["32 bits"]),
        (changed("readings", writable=False), ["--resume", "EDGEHYBRID_CACHE"]),
    ],
)
def test_what_will_be_slow(found: dict[str, Any], words: list[str]) -> None:
    [told] = advice(found)
    assert told.keys() == {"what", "why", "do"}
    text = " ".join(told.values())
    assert [word for word in words if word not in text] == []
    printed = " ".join("\n".join(lines(found | {"advice": [told]})).split())
    assert " ".join(text.split()) in printed


def test_command() -> None:
    done = run("doctor", "--format", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["reading"]["reads"] is True
    assert found.keys() == FOUND.keys()
    for section, value in FOUND.items():
        if isinstance(value, dict):
            assert found[section].keys() == value.keys(), section
    done = run("doctor")
    assert done.returncode == 0, done.stderr
    assert "checksums right" in done.stdout
    assert "It can read" in done.stdout


def test_without_numba(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    with caplog.at_level(logging.WARNING):
        found = examining.examine()
    assert caplog.records == []  # the page says it, once
    assert found["computing"]["numba"] is None
    assert "Numba cannot be imported" in found["computing"]["why"]
    assert found["reading"]["reads"] is True
    assert any("pip install numba" in each["do"] for each in found["advice"])


def test_a_switched_off_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    bundle, _ = reading.examine_bundle()
    assert bundle is not None
    assert "switched off" in computing.examine(bundle)["why"]


def test_no_fast_products(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    monkeypatch.setattr(computing, "multiplies_bytes_fast", lambda: False)
    bundle, _ = reading.examine_bundle()
    assert bundle is not None
    found = computing.examine(bundle)
    assert found["route"] == "numba with graphs"
    assert "no fast products" in found["why"]


def test_a_damaged_reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("edgehybrid.bundle.DEFAULT", tmp_path)
    found = examining.examine()
    assert found["reading"]["reads"] is False
    assert "manifest.json is missing" in found["reading"]["error"]
    printed = "\n".join(lines(found))
    assert "UNUSABLE" in printed
    assert "It cannot read: " in printed


def test_the_exit_code_is_1_where_it_cannot_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import typer

    from edgehybrid.cli.doctor import doctor

    failed = changed("reading", reads=False, error="ImportError: no onnxruntime")
    monkeypatch.setattr(examining, "examine", lambda: failed)
    with pytest.raises(typer.Exit) as caught:
        doctor()
    assert caught.value.exit_code == 1
    assert "It cannot read: ImportError: no onnxruntime" in capsys.readouterr().out


def test_a_broken_dependency_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(bundle: Any) -> None:
        raise ImportError("libgomp.so.1: cannot\nopen")

    monkeypatch.setattr(computing, "examine", fail)
    found = examining.examine()
    assert found["reading"] == {
        "reads": False,
        "seconds": 0.0,
        "error": "ImportError: libgomp.so.1: cannot open",
    }
    assert "cannot open" in "\n".join(lines(found))


def test_a_reading_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import edgehybrid

    def fail(**_: Any) -> None:
        raise ImportError("DLL load failed\nwhile importing")

    monkeypatch.setattr(edgehybrid, "load", fail)
    told = reading.try_reading({"numba": None})
    assert told["reads"] is False
    assert told["error"] == "ImportError: DLL load failed while importing"


def test_folders_that_cannot_be_written_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert folders.size_of(tmp_path) == 5
    assert folders.is_writable(tmp_path / "not" / "there")
    assert not (tmp_path / "not").exists()

    def refuse(**_: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(folders.tempfile, "TemporaryFile", refuse)
    assert not folders.is_writable(tmp_path)
    assert folders.examine()["writable"] is False


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, None),
        ({"sys/fs/cgroup/memory.max": "max"}, None),
        ({"sys/fs/cgroup/memory.max": "500"}, 500),
        (
            {
                "proc/self/cgroup": "0::/app/one\n",
                "sys/fs/cgroup/app/memory.max": "300",
                "sys/fs/cgroup/app/one/memory.max": "max",
            },
            300,
        ),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"}, None),
        (
            {
                "proc/self/cgroup": "5:cpu,memory:/box\n",
                "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "700",
            },
            700,
        ),
    ],
)
def test_limits_of_groups(tmp_path: Path, files: dict[str, str], limit: int | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert memory.group_limit(tmp_path) == limit


def test_memory_of_linux(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal:  2000 kB\nMemAvailable: 500 kB\nHuge: 0\n")
    told = memory.examine(tmp_path)
    assert told == {"total_bytes": 2_048_000, "available_bytes": 512_000, "limit_bytes": None}
    assert memory.usable(told) == 512_000
    assert memory.usable({"available_bytes": None, "limit_bytes": None}) is None


def test_extras_are_those_of_the_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [
        "numpy>=1.26",
        'numba>=0.61; python_version < "3.15"',
        'onnx>=1.19; extra == "export"',
        "edgehybrid[export,plot]; extra == 'all'",
        'matplotlib>=3.8; python_version >= "3.10" and extra == "plot"',
        'of-an-older-python; python_version < "3" and extra == "plot"',
        'edgehybrid[all]; extra == "all"',
    ]
    assert packages.needed(told, None) == ["numpy", "numba"]
    assert sorted(packages.needed(told, "all")) == ["matplotlib", "onnx"]
    monkeypatch.setattr(metadata, "requires", lambda name: told)
    monkeypatch.setattr(packages, "_extras", lambda: ["all", "plot"])
    monkeypatch.setattr(packages, "version_of", lambda name: None if name == "onnx" else "1")
    found = packages.examine()
    assert found["versions"] == {"edgehybrid": "1", "numpy": "1", "numba": "1"}
    assert found["extras"] == {"all": ["onnx"], "plot": []}


def test_a_folder_that_nobody_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", missing)
    assert packages.examine()["installed"] is False
    assert "runs from a folder" in "\n".join(lines(changed("packages", installed=False)))


def test_features(monkeypatch: pytest.MonkeyPatch) -> None:
    assert processor.kind_of("AMD64") == processor.kind_of("x86_64") == "x86"
    assert processor.kind_of("arm64") == processor.kind_of("aarch64") == "arm"
    assert processor.kind_of("riscv64") == ""
    assert processor.flags_of("model: a\nflags\t\t: fpu avx2\n\nflags: other") == {"fpu", "avx2"}
    assert processor.flags_of("Features : asimd ASIMDDP") == {"asimd", "asimddp"}
    monkeypatch.setattr(processor.platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(processor, "host_features", lambda: ({"asimd", "asimddp"}, "Linux"))
    assert processor.examine()["features"] == {"NEON": True, "dotprod": True, "i8mm": False}
    monkeypatch.setattr(processor, "host_features", lambda: (None, "nobody"))
    assert processor.examine()["features"] is None


def test_features_without_llvm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    found, source = processor.host_features()
    assert source in ("/proc/cpuinfo", "numpy")
    assert found

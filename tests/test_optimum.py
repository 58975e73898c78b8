"""`optimum-cli export edgehybrid` is `edgehybrid export`, bundle for bundle and error for error."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from test_cli import run

CODE = "from optimum.commands.optimum_cli import main; main()"

try:
    version("optimum")
except PackageNotFoundError:
    pytest.skip("optimum is not installed", allow_module_level=True)


def optimum(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE, "export", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_the_same_bundle(checkpoint: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    done = optimum("edgehybrid", "--model", str(checkpoint), "--weights", "int4", str(first))
    assert done.returncode == 0, done.stderr
    told = run("export", str(checkpoint), str(second), "--weights", "int4").stdout
    assert done.stdout.replace(str(first), str(second)) == told
    for file in second.iterdir():
        assert (first / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("./nowhere", []),
        ("{checkpoint}", ["--weights", "int3"]),
        ("{checkpoint}", ["--revision", "v2"]),
        ("nobody/nothing", ["--offline"]),
    ],
)
def test_the_same_errors(checkpoint: Path, tmp_path: Path, model: str, options: list[str]) -> None:
    model = model.format(checkpoint=checkpoint)
    done = optimum("edgehybrid", "--model", model, *options, str(tmp_path / "out"))
    told = run("export", model, str(tmp_path / "out"), *options)
    assert (done.returncode, done.stdout) == (told.returncode, told.stdout) == (2, "")
    assert done.stderr.splitlines()[-1:] == told.stderr.splitlines()
    assert not (tmp_path / "out").exists()


def test_it_is_listed() -> None:
    assert "edgehybrid" in optimum("--help").stdout
    assert "--revision" in optimum("edgehybrid", "--help").stdout

"""What examples/raspberry_pi says of the project is true of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("tomllib")  # Python 3.11

PI = Path(__file__).resolve().parents[1] / "examples" / "raspberry_pi"
sys.path.insert(0, str(PI))

import check_wheels  # noqa: E402

PATHS = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "COLUMNS": "200"}


def direct() -> set[str]:
    """The names of the project's dependencies."""
    text = (check_wheels.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = check_wheels.tomllib.loads(text)["project"]["dependencies"]
    return {check_wheels.canonical(re.split(r"[^\w.-]", x)[0]) for x in listed}


def test_each_dependency_is_there_for_a_reason_and_in_the_table() -> None:
    assert direct() <= set(check_wheels.reasons())
    table = (PI / "WHEELS.md").read_text(encoding="utf-8")
    assert direct() <= set(re.findall(r"^\| ([\w-]+) \| \d", table, re.MULTILINE))
    assert "MISSING" not in table


def test_sizes_and_needs_are_read_from_a_wheel(tmp_path: Path) -> None:
    path = tmp_path / "small-1.2-py3-none-any.whl"
    told = "Name: Small_One\nVersion: 1.2\nRequires-Dist: Num_Py>=1\n"
    told += 'Requires-Dist: rich; extra == "plot"\n'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("small.py", "#" * 1000)
        archive.writestr("small-1.2.dist-info/METADATA", told)
    wheel = check_wheels.look_into(path)
    assert (wheel.name, wheel.version, wheel.needs) == ("small-one", "1.2", {"num-py"})
    assert wheel.size == path.stat().st_size < wheel.unpacked == 1000 + len(told)


def test_what_has_no_wheel_for_any_machine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(requirements: list[str], options: list[str]) -> int:
        for name in ("rouge-score", "missing-on-arm"):
            if any(x.startswith(name) for x in requirements):
                raise RuntimeError(f"ERROR: No matching distribution found for {name}>=0.1.2")
        return len(requirements)

    wanted = ["nltk>=3.9", "rouge-score>=0.1.2"]
    monkeypatch.setattr(check_wheels, "resolve", resolve)
    monkeypatch.setattr(check_wheels, "has_wheel_here", lambda x: x.startswith("missing"))
    monkeypatch.setattr(check_wheels, "extra_requirements", lambda extra: wanted)
    told = check_wheels.check_extra(Path("edgehybrid.whl"), "train", "3.11")
    assert told == "all 2 have wheels; from source on every machine: rouge-score"
    wanted.append("missing-on-arm>=0.1.2")
    assert "MISSING" in check_wheels.check_extra(Path("edgehybrid.whl"), "train", "3.11")


def test_the_service_asks_for_what_the_command_has_and_gets_no_network() -> None:
    lines = (PI / "systemd" / "edgehybrid-summaries.service").read_text().splitlines()
    (command,) = (line for line in lines if line.startswith("ExecStart="))
    code = "from edgehybrid.cli import main; main()"
    asked = [sys.executable, "-c", code, "summarize", "--help"]
    shown = subprocess.run(asked, capture_output=True, text=True, env=PATHS, check=True).stdout
    options = re.findall(r"--\w+", command)
    assert options
    assert all(option in shown for option in options)
    assert {"PrivateNetwork=yes", "IPAddressDeny=any", "ProtectSystem=strict"} <= set(lines)

"""Are there wheels for 64-bit ARM of all that edgehybrid needs, and how large is it?

    python examples/raspberry_pi/check_wheels.py > examples/raspberry_pi/WHEELS.md

Resolves the project's dependencies with pip for Raspberry Pi OS (glibc 2.36 or newer, Python 3.11
to 3.13) and downloads the wheels into a folder that is removed again. For this machine's sizes they
are installed into a fresh environment. Extras are resolved, not downloaded. Exit code 1 if a wheel
is missing. pip judges markers (``python_version < ...``) by the Python that runs this.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path

import tomllib

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11", "3.12", "3.13")
OLDEST_GLIBC, NEWEST_GLIBC = 17, 36  # manylinux2014 to that of Debian 12
MEGA = 1e6


@dataclass(frozen=True)
class Wheel:
    """A downloaded wheel; sizes in bytes."""

    name: str
    version: str
    size: int
    unpacked: int
    needs: frozenset[str]


def canonical(name: str) -> str:
    """As package indexes spell names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pip(*arguments: str) -> str:
    """Runs this Python's pip; its last line of complaint is the error."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        complaints = [x for x in done.stderr.splitlines() if x.startswith("ERROR")]
        raise RuntimeError(complaints[-1] if complaints else done.stderr[-300:])
    return done.stdout


def for_arm(python: str) -> list[str]:
    """pip's options for Raspberry Pi OS."""
    glibcs = range(NEWEST_GLIBC, OLDEST_GLIBC - 1, -1)
    platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in glibcs]
    options = ["--platform=manylinux2014_aarch64", "--only-binary=:all:", "--implementation=cp"]
    return [*platforms, *options, f"--python-version={python}"]


def look_into(path: Path) -> Wheel:
    """Reads a wheel's metadata and sizes."""
    with zipfile.ZipFile(path) as archive:
        files = archive.infolist()
        (name,) = [
            x.filename for x in files if re.fullmatch(r"[^/]+dist-info/METADATA", x.filename)
        ]
        metadata = Parser().parsestr(archive.read(name).decode())
    needs = [x for x in metadata.get_all("Requires-Dist", []) if "extra ==" not in x]
    names = frozenset(canonical(re.match(r"[\w.-]+", need)[0]) for need in needs)  # type: ignore[index]
    unpacked = sum(x.file_size for x in files)
    return Wheel(
        canonical(metadata["Name"]), metadata["Version"], path.stat().st_size, unpacked, names
    )


def download(project: Path, options: list[str]) -> dict[str, Wheel]:
    """Wheels of the project and all that it needs, by name."""
    with tempfile.TemporaryDirectory() as folder:
        pip("download", "--quiet", "--dest", folder, *options, str(project))
        found = [look_into(path) for path in Path(folder).glob("*.whl")]
    return {wheel.name: wheel for wheel in found}


def resolve(requirement: str, python: str) -> dict[str, str]:
    """Versions that pip would install for ARM, by name; nothing is downloaded that it can avoid."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        arguments = ["install", "--quiet", "--dry-run", "--ignore-installed", "--report"]
        pip(*arguments, str(report), "--target", folder, *for_arm(python), requirement)
        items = json.loads(report.read_text())["install"]
    found = [item["metadata"] for item in items]
    return {canonical(item["name"]): item["version"] for item in found}


def installed_sizes(project: Path) -> dict[str, int]:
    """Bytes of each distribution in a fresh environment of this machine, by its RECORD."""
    code = (
        "import importlib.metadata as m, json, pathlib; print(json.dumps({d.name: sum("
        "p.stat().st_size for f in d.files or [] if (p := pathlib.Path(f.locate())).is_file()) "
        "for d in m.distributions()}))"
    )
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = str(Path(folder, "bin", "python"))
        command = [python, "-m", "pip", "install", "--quiet", "--only-binary=:all:", str(project)]
        subprocess.run(command, check=True, stdout=sys.stderr)
        sizes = json.loads(subprocess.check_output([python, "-c", code], text=True))
    return {canonical(name): size for name, size in sizes.items()}


def reasons() -> dict[str, str]:
    """Why each direct dependency is there: the remark beside it in pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text()
    told = re.findall(r'^\s*"([\w-]+)[^"\n]*(?:;[^"\n]*)?",\s*#\s*(.+)$', text, re.MULTILINE)
    return {canonical(name): reason for name, reason in reversed(told)}


def table_of_wheels(by_python: dict[str, dict[str, Wheel]]) -> Iterator[str]:
    """Version and size in MB of each wheel for ARM, by Python."""
    yield "| wheel for aarch64 | " + " | ".join(f"Python {python}" for python in by_python) + " |"
    yield "|---|" + "---|" * len(by_python)
    for name in sorted({name for wheels in by_python.values() for name in wheels}):
        found = [wheels.get(name) for wheels in by_python.values()]
        cells = [f"{x.version}, {x.size / MEGA:.2f} MB" if x else "not needed" for x in found]
        yield f"| {name} | " + " | ".join(cells) + " |"
    totals = [sum(x.size for x in wheels.values()) / MEGA for wheels in by_python.values()]
    yield "| **all** | " + " | ".join(f"**{total:.1f} MB**" for total in totals) + " |"


def table_of_sizes(
    arm: dict[str, Wheel], here: dict[str, Wheel], installed: dict[str, int]
) -> Iterator[str]:
    """Download and installed size of each dependency, and why it is there."""
    why = reasons()
    own = platform.machine()
    yield f"| MB | aarch64: download | unpacked | {own}: download | installed | why |"
    yield "|---|---|---|---|---|---|"
    for name in sorted(here, key=lambda name: -installed[name]):
        parents = sorted(x.name for x in here.values() if name in x.needs)
        reason = why.get(name) or "the project itself, with its reader"
        if name not in why and parents:
            reason = "for " + ", ".join(parents)
        numbers = (arm[name].size, arm[name].unpacked, here[name].size, installed[name])
        cells = " | ".join(f"{number / MEGA:.2f}" for number in numbers)
        yield f"| {name} | {cells} | {reason} |"
    sums = (
        sum(x.size for x in arm.values()), sum(x.unpacked for x in arm.values()),
        sum(x.size for x in here.values()), sum(installed[name] for name in here),
    )  # fmt: skip
    yield "| **all** | " + " | ".join(f"**{total / MEGA:.1f}**" for total in sums) + " | |"


def check_extras(project: Path) -> Iterator[str]:
    """A line for each extra: how many distributions, or the wheel that is missing."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    yield "| extra | " + " | ".join(f"Python {python}" for python in PYTHONS) + " |"
    yield "|---|" + "---|" * len(PYTHONS)
    for extra in extras:
        cells = []
        for python in PYTHONS:
            print(f"extra {extra}, Python {python}", file=sys.stderr)
            try:
                cells.append(f"all {len(resolve(f'{project}[{extra}]', python))} have wheels")
            except RuntimeError as error:
                cells.append(f"MISSING: {error}")
        yield f"| {extra} | " + " | ".join(cells) + " |"


def main() -> int:
    """Prints the tables as Markdown."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        pip("wheel", "--quiet", "--no-deps", "--wheel-dir", folder, str(ROOT))
        (project,) = Path(folder).glob("*.whl")
        arm = {}
        for python in PYTHONS:
            print(f"downloading for aarch64, Python {python}", file=sys.stderr)
            arm[python] = download(project, for_arm(python))
        here = download(project, ["--only-binary=:all:"])
        own = f"{sys.version_info.major}.{sys.version_info.minor}"
        lines += table_of_sizes(arm.get(own, arm[PYTHONS[0]]), here, installed_sizes(project))
        lines += ["", *table_of_wheels(arm), "", *check_extras(project)]
    print("\n".join(lines))
    return 1 if any("MISSING" in line for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())

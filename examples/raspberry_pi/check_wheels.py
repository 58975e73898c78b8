"""Are there wheels for 64-bit ARM of all that edgehybrid needs, and how large is it?

    python examples/raspberry_pi/check_wheels.py > examples/raspberry_pi/WHEELS.md

Resolves the project's dependencies with pip for Raspberry Pi OS (glibc 2.36 or newer, Python 3.11
to 3.13) and downloads the wheels into a folder that is removed again. For this machine's sizes they
are installed into a fresh environment. Extras are resolved, not downloaded. Exit code 1 if a wheel
is missing. pip judges markers (``python_version < ...``) by the Python that runs this.
"""

from __future__ import annotations

import functools
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


def resolve(requirements: list[str], options: list[str]) -> int:
    """How many distributions pip would install; nothing is downloaded that it can avoid."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        arguments = ["install", "--quiet", "--dry-run", "--ignore-installed", "--report"]
        pip(*arguments, str(report), "--target", folder, *options, *requirements)
        return len(json.loads(report.read_text())["install"])


#: Run in the fresh environment: bytes of each distribution by its RECORD, and which ones a summary
#: imports.
_LOOK = """
import importlib.metadata as metadata, json, pathlib, sys
import edgehybrid
edgehybrid.summarize(sys.argv[1], points=3)
owners = metadata.packages_distributions()
used = {name for module in sys.modules for name in owners.get(module.partition(".")[0], [])}
def size(one):
    paths = [pathlib.Path(file.locate()) for file in one.files or []]
    return sum(path.stat().st_size for path in paths if path.is_file())
print(json.dumps({one.name: (size(one), one.name in used) for one in metadata.distributions()}))
"""


def installed(project: Path) -> dict[str, tuple[int, bool]]:
    """Of each distribution in a fresh environment of this machine: bytes, and is it imported."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = str(Path(folder, "bin", "python"))
        command = [python, "-m", "pip", "install", "--quiet", "--only-binary=:all:", str(project)]
        subprocess.run(command, check=True, stdout=sys.stderr)
        command = [python, "-c", _LOOK, str(ROOT / "README.md")]
        found = json.loads(subprocess.check_output(command, text=True, cwd=folder))
    return {canonical(name): (size, used) for name, (size, used) in found.items()}


def reasons() -> dict[str, str]:
    """Why each direct dependency is there: the remark beside it in pyproject.toml, or above it."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (direct,) = re.findall(r"^dependencies = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    found = {
        "edgehybrid": "the project itself, with its reader",
        "numpy": "arrays: all is made of them",
    }
    above: list[str] = []
    for line in direct.splitlines():
        requirement, _, remark = line.partition("#")
        name = re.match(r'\s*"([\w.-]+)', requirement)
        if name is None:
            above.append(remark.strip())
            continue
        reason = remark.strip() or " ".join(above)
        if reason:
            found.setdefault(canonical(name[1]), reason)
        above = []
    return found


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
    arm: dict[str, Wheel], here: dict[str, Wheel], sizes: dict[str, tuple[int, bool]]
) -> Iterator[str]:
    """Download and installed size of each dependency in MB, and why it is there."""
    why, own = reasons(), platform.machine()
    yield f"| MB | aarch64: download | unpacked | {own}: download | installed | imported | why |"
    yield "|---|---|---|---|---|---|---|"
    for name in sorted(here, key=lambda name: -sizes[name][0]):
        parents = ", ".join(sorted(x.name for x in here.values() if name in x.needs))
        of_it, used = sizes[name]
        numbers = (arm[name].size, arm[name].unpacked, here[name].size, of_it)
        cells = " | ".join(f"{number / MEGA:.2f}" for number in numbers)
        imported = "yes" if used else "no"
        yield f"| {name} | {cells} | {imported} | {why.get(name, f'for {parents}')} |"
    sums = (
        sum(x.size for x in arm.values()), sum(x.unpacked for x in arm.values()),
        sum(x.size for x in here.values()), sum(sizes[name][0] for name in here),
    )  # fmt: skip
    yield "| **all** | " + " | ".join(f"**{total / MEGA:.1f}**" for total in sums) + " | | |"


def extra_requirements(extra: str) -> list[str]:
    """What an extra asks for, with those of ours that it names opened."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    found = []
    for requirement in extras[extra]:
        if "platform_machine == 'x86_64'" in requirement:
            continue
        nested = re.fullmatch(r"edgehybrid\[([\w,-]+)\]", requirement)
        names = nested[1].split(",") if nested else []
        found += [x for name in names for x in extra_requirements(name)] or [requirement]
    return found


_NOT_FOUND = re.compile(
    r"distribution found for (?P<requirement>(?P<name>[\w.-]+)[^\s(]*)"
    r"(?:.*\(from (?P<parent>[\w.-]+))?"
)


def check_extra(project: Path, extra: str, python: str) -> str:
    """How many distributions have wheels; those that have none for any machine are named."""
    wanted, from_source = extra_requirements(extra), set()
    while True:
        try:
            count = resolve([str(project), *wanted], for_arm(python))
        except RuntimeError as error:
            told = _NOT_FOUND.search(str(error))
            if not told or has_wheel_here(told["requirement"]):
                return f"MISSING: {error}"
            blamed = {canonical(name) for name in (told["name"], told["parent"]) if name}
            rest = [x for x in wanted if canonical(re.split(r"[^\w.-]", x)[0]) not in blamed]
            if rest == wanted:
                return f"MISSING: {error}"
            wanted, from_source = rest, from_source | {told["name"]}
            continue
        also = f"; from source on every machine: {', '.join(sorted(from_source))}"
        return f"all {count} have wheels{also if from_source else ''}"


@functools.cache
def has_wheel_here(requirement: str) -> bool:
    """Whether there is a wheel for the machine that this runs on."""
    try:
        return resolve([requirement], ["--no-deps", "--only-binary=:all:"]) == 1
    except RuntimeError:
        return False


def table_of_extras(project: Path) -> Iterator[str]:
    """A line for each extra."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    yield "| extra | " + " | ".join(f"Python {python}" for python in PYTHONS) + " |"
    yield "|---|" + "---|" * len(PYTHONS)
    for extra in extras:
        print(f"extra {extra}", file=sys.stderr)
        cells = [check_extra(project, extra, python) for python in PYTHONS]
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
        lines += table_of_sizes(arm.get(own, arm[PYTHONS[0]]), here, installed(project))
        lines += ["", *table_of_wheels(arm), "", *table_of_extras(project)]
    print("\n".join(lines))
    return 1 if any("MISSING" in line for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())

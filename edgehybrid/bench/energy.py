"""Energy of the processor, where the machine counts it and lets us read it (Linux, RAPL)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ZONES = Path("/sys/class/powercap")


@dataclass(frozen=True)
class Meter:
    """The counters of the processor packages; none where they cannot be read."""

    zones: tuple[Path, ...]

    def read(self) -> tuple[int, ...]:
        """Microjoules of each package since some time."""
        return tuple(int((zone / "energy_uj").read_text()) for zone in self.zones)

    def joules(self, before: tuple[int, ...], after: tuple[int, ...]) -> float | None:
        """Energy between two readings; a counter may have begun anew once."""
        if not self.zones:
            return None
        total = 0
        for zone, first, last in zip(self.zones, before, after, strict=True):
            spent = last - first
            if spent < 0:
                spent += int((zone / "max_energy_range_uj").read_text())
            total += spent
        return total / 1e6


def open_meter(root: Path = ZONES) -> Meter:
    """The packages under `root` whose counters this process may read."""
    zones = []
    for zone in sorted(root.glob("intel-rapl:*")):
        with suppress(OSError, ValueError):
            if (zone / "name").read_text().startswith("package"):
                int((zone / "energy_uj").read_text())
                zones.append(zone)
    return Meter(tuple(zones))

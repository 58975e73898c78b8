"""Where documents lie that tests use and the project does not carry."""

from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / "shared"

"""Starts the app: `python examples/desktop/run.py [FILES]`. Packed, this is the whole program."""

from __future__ import annotations

import sys

import edgehybrid


def main() -> int:
    """The app, or the process that reads for it."""
    edgehybrid.freeze_support()  # packed, this program is also the process that parses files
    if sys.argv[1:2] == ["--reader"]:
        from edgehybrid_desktop.reading import main as read

        return read()
    from edgehybrid_desktop.app import start

    return start(sys.argv)


if __name__ == "__main__":
    sys.exit(main())

"""Programs that are packed with their Python, as PyInstaller does it: how they start processes.

Such a program has no interpreter that could be started beside it. `freeze_support` lets it stand
in for one: started again with a flag, it reads files, or renders templates, in a process with
limits, as an unpacked one does. Without that call both are done in the program's own process.
"""

from __future__ import annotations

import importlib
import sys

_FLAG = "--edgehybrid-process"
#: Modules with a `main` that takes its arguments from `sys.argv` and returns an exit code.
_MODULES = {
    "documents": "edgehybrid.documents.isolated.worker",
    "template": "edgehybrid.runtime.rendering",
}
_called = False


def freeze_support() -> None:
    """Call this first in the main module of a program that is packed; others lose nothing by it.

    In a process that such a program has started to read a file or to render a template, this does
    so and does not return.
    """
    global _called
    if not is_frozen():
        return
    if sys.argv[1:2] == [_FLAG]:
        module = importlib.import_module(_MODULES[sys.argv[2]])
        del sys.argv[1:3]
        sys.exit(module.main())
    _called = True


def is_frozen() -> bool:
    """Whether this program is packed."""
    return bool(getattr(sys, "frozen", False))


def can_start() -> bool:
    """Whether this program can start a process to read files in, or to render templates."""
    return bool(sys.executable) and (_called or not is_frozen())


def command(role: str) -> list[str] | None:
    """What starts a packed program as `role`, "documents" or "template"; None if it is not packed.

    Arguments for its `main` may follow.
    """
    return [sys.executable, _FLAG, role] if is_frozen() else None

"""Where a checkpoint comes from: a folder, or a name on the hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgehybrid_export.errors import CheckpointError, ExportError

#: An owner and a name; what begins with a dot, a slash or a tilde is a path.
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class Source:
    """A checkpoint's folder and, if it came from the hub, the name and commit there."""

    folder: Path
    hub: str | None = None
    commit: str | None = None

    @property
    def name(self) -> str:
        """What the model is called; a folder in the hub's cache is called after its commit."""
        return self.hub.split("/")[1] if self.hub else self.folder.resolve().name

    @property
    def origin(self) -> dict[str, str]:
        """What the manifest says of it: nothing of a folder."""
        return {"hub": self.hub, "commit": self.commit} if self.hub and self.commit else {}


def find(checkpoint: str | Path, revision: str | None = None, *, offline: bool = False) -> Source:
    """The folder that `checkpoint` names, or the one that the hub keeps under that name.

    Args:
        checkpoint: a folder, which goes first, or a str `owner/name`; a `Path` is never a name.
        revision: branch, tag or commit of a name on the hub.
        offline: look for a name in the hub's cache only.

    Raises:
        CheckpointError: there is no such folder, and it cannot be a name.
        HubError: the hub, or its cache, does not have it, or the download failed.
        ExportError: a revision is given for a folder, or the hub's client is not installed.
    """
    folder = Path(checkpoint)
    if folder.is_dir():
        if revision is not None:
            raise ExportError(f"{folder} is a folder, and revision {revision!r} is for hub names")
        return Source(folder)
    if folder.exists():
        raise CheckpointError(f"{folder} is a file: a checkpoint is a folder")
    if isinstance(checkpoint, Path) or not _HUB_NAME.fullmatch(checkpoint):
        raise CheckpointError(f"there is no folder {checkpoint}, and a hub name is owner/name")
    try:
        from edgehybrid_export.hub import fetch  # here: folders need no client of the hub
    except ImportError as error:
        raise ExportError(
            f"there is no folder {checkpoint}, and getting it from the hub needs more packages "
            f"({error.name} is missing): pip install 'edgehybrid[export]'"
        ) from error
    return fetch(checkpoint, revision, offline=offline)

"""The folder of all readings that are kept: finding, listing, deleting, holding to a bound.

    readings/.lock                   held while entries are opened or deleted
    readings/<model>.<document>/     one reading, see `edgehybrid.store.entry`

`<model>` is the same for readings of one bundle with the same options, `<document>` for the same
content. Folders and files can be read by their owner only.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from edgehybrid.errors import CacheError
from edgehybrid.store.entry import LOCK, Entry, Summary, Unlocked, summary_of

#: Where the folder is, if not in the user's cache folder; and how many bytes it may hold.
PLACE, BOUND = "EDGEHYBRID_CACHE", "EDGEHYBRID_CACHE_BYTES"
DEFAULT_BOUND = 1 << 30
#: Others hold the lock for some milliseconds at a time.
LOCK_SECONDS = 10.0
_GONE = ".gone-"
_NAME = re.compile(r"[0-9a-f]{24}\.[0-9a-f]{24}")


def place() -> Path:
    """The folder, which may not be there yet."""
    told = os.environ.get(PLACE)
    return (Path(told) if told else user_cache_path("edgehybrid")) / "readings"


def bound() -> int:
    """How many bytes all readings may take.

    Raises:
        CacheError: the environment says something that is no number.
    """
    told = os.environ.get(BOUND, "")
    if told and not told.isdecimal():
        raise CacheError(f"{BOUND} is {told!r}, expected a number of bytes")
    return int(told) if told else DEFAULT_BOUND


def open_entry(model: str, document: str) -> Entry:
    """The reading of that name, which is made if it is not there; locked, if nobody else has it.

    Raises:
        CacheError: the folder cannot be used.
    """
    with _locked() as folder:
        path = folder / f"{model}.{document}"
        try:
            path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise _unusable(path, error) from error
        return Entry.open(path)


def has(document: str) -> bool:
    """Whether there is a reading of that document, by any model.

    Raises:
        CacheError: the folder cannot be used.
    """
    return any(path.name.endswith(f".{document}") for path in _entries())


def others(model: str, but: Path) -> list[Unlocked]:
    """Other readings of the same model and options, the latest first; none is locked."""
    found = [path for path in _entries() if path.name.startswith(f"{model}.") and path != but]
    return [Unlocked(path) for path in sorted(found, key=_last_use, reverse=True)]


def summaries() -> list[Summary]:
    """What is kept, the latest used first.

    Raises:
        CacheError: the folder cannot be used.
    """
    return [summary_of(path) for path in sorted(_entries(), key=_last_use, reverse=True)]


def clear() -> tuple[int, int]:
    """Delete all that nobody uses now; how many readings, and of how many bytes.

    Raises:
        CacheError: the folder cannot be used.
    """
    if not place().exists():
        return 0, 0
    gone = [size for path in _entries() if (size := delete(path)) is not None]
    return len(gone), sum(gone)


def hold_to_bound(keep: Path) -> None:
    """Delete the readings that were used the longest ago, until the rest is within the bound.

    Args:
        keep: not this one.
    """
    sizes = {path: summary_of(path).nbytes for path in sorted(_entries(), key=_last_use)}
    for path in sizes:
        if sum(sizes.values()) <= bound():
            return
        if path != keep and delete(path) is not None:
            sizes[path] = 0


def delete(path: Path) -> int | None:
    """Delete a reading; bytes that were freed, None if somebody is using it.

    Raises:
        CacheError: the folder cannot be used.
    """
    with _locked() as folder:
        lock = FileLock(path / LOCK)
        try:
            lock.acquire(blocking=False)
        except (Timeout, OSError):
            return None
        size = summary_of(path).nbytes
        lock.release()  # nobody can take it: that needs the lock of the folder
        gone = folder / f"{_GONE}{path.name}-{os.getpid()}"
        with suppress(OSError):
            path.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
        return size


@contextmanager
def _locked() -> Iterator[Path]:
    folder = place()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(folder / LOCK, timeout=LOCK_SECONDS):
            for left in folder.glob(f"{_GONE}*"):
                shutil.rmtree(left, ignore_errors=True)
            yield folder
    except Timeout as error:
        raise CacheError(
            f"{folder} was in use by another process for {LOCK_SECONDS:.0f} s; try again"
        ) from error
    except (OSError, RuntimeError) as error:  # no home folder is a RuntimeError
        raise _unusable(folder, error) from error


def _unusable(path: Path, error: Exception) -> CacheError:
    reason = getattr(error, "strerror", None) or error
    return CacheError(f"cannot keep readings in {path}: {reason}; name another folder by {PLACE}")


def _entries() -> list[Path]:
    folder = place()
    try:
        found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _unusable(folder, error) from error
    return [path for path in found if path.is_dir() and not path.is_symlink()]


def _last_use(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0

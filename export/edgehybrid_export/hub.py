"""Downloading a checkpoint from the hub, or finding it in the hub's cache."""

from __future__ import annotations

import errno
import fnmatch
import logging
import shutil
from pathlib import Path

from huggingface_hub import HfApi, constants, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from edgehybrid_export.checkpoint import INDEX, WEIGHTS, no_weights
from edgehybrid_export.errors import ExportError, HubError
from edgehybrid_export.source import Source

REQUIRED = ("config.json", "tokenizer.json")
OPTIONAL = (
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
    "LICEN[SC]E*",
    "README.md",  # whose head names the licence
    "NOTICE*",
)
SHARDS = "model-*.safetensors"
_LOG = logging.getLogger(__name__)


def fetch(name: str, revision: str | None, *, offline: bool) -> Source:
    """The checkpoint `name`, from the hub's cache if it is there, else downloaded into it.

    Raises:
        HubError: the hub, or its cache, does not have it, or the download failed.
    """
    revision = revision or constants.DEFAULT_REVISION
    if offline or constants.HF_HUB_OFFLINE:
        return _from_cache(name, revision)
    try:
        return _download(name, revision)
    except ExportError:
        raise
    except Exception as error:  # each version of the hub's client has an HTTP library of its own
        raise HubError(_explain(error, name, revision)) from error


def _from_cache(name: str, revision: str) -> Source:
    patterns = [*REQUIRED, *OPTIONAL, WEIGHTS, INDEX, SHARDS]
    try:
        found = snapshot_download(
            name, revision=revision, local_files_only=True, allow_patterns=patterns
        )
    except (OSError, ValueError) as error:
        raise HubError(
            f"revision {revision!r} of {name} is not complete in {constants.HF_HUB_CACHE}: "
            "run once without --offline"
        ) from error
    return Source(Path(found), name, Path(found).name)


def _download(name: str, revision: str) -> Source:
    api = HfApi()
    info = api.model_info(name, revision=revision, files_metadata=True)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    commit = str(info.sha)
    wanted = _wanted(name, list(sizes))
    left = {n: sizes[n] for n in wanted if not _is_cached(name, n, commit)}
    if left:
        _require_room(sum(left.values()))
        _LOG.info("downloading %s at %.12s: %s", name, commit, _amount(left))
    # On this thread, one by one: Ctrl-C would have to wait for the threads of snapshot_download.
    for file in wanted:
        path = Path(api.hf_hub_download(name, file, revision=commit))
    if revision != commit:  # only now, so that --offline finds nothing half downloaded
        api.hf_hub_download(name, "config.json", revision=revision)
    return Source(path.parent, name, commit)


def _wanted(name: str, files: list[str]) -> list[str]:
    """Which of a repository's files to download, small ones first."""
    missing = [file for file in REQUIRED if file not in files]
    if missing:
        raise HubError(f"{name} on the hub has no {missing[0]}: not a checkpoint to export")
    top = [file for file in files if "/" not in file]
    if WEIGHTS in top:
        weights = [WEIGHTS]
    elif INDEX in top:
        weights = [INDEX, *sorted(fnmatch.filter(top, SHARDS))]
    else:
        raise HubError(no_weights(name, top))
    return [*REQUIRED, *(f for p in OPTIONAL for f in fnmatch.filter(top, p)), *weights]


def _is_cached(name: str, file: str, commit: str) -> bool:
    return isinstance(try_to_load_from_cache(name, file, revision=commit), str)


def _require_room(needed: int) -> None:
    cache = Path(constants.HF_HUB_CACHE)
    existing = next(folder for folder in (cache, *cache.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise HubError(
            f"{cache} has {free / 1e6:.1f} MB free, the download takes {needed / 1e6:.1f} MB: "
            "make room, or set HF_HOME to another disk"
        )


def _amount(sizes: dict[str, int]) -> str:
    return f"{len(sizes)} files, {sum(sizes.values()) / 1e6:.1f} MB"


def _explain(error: Exception, name: str, revision: str) -> str:
    """One line for what went wrong between here and the hub."""
    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # the client looked into its cache before it gave up
    if isinstance(error, GatedRepoError):
        return f"{name} is gated: ask for access on its page, then log in with `hf auth login`"
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"there is no folder {name}, and {constants.ENDPOINT} shows no such repository: check "
            "the name or, if it is private, log in with `hf auth login`"
        )
    if isinstance(error, RevisionNotFoundError):
        return f"{name} has no revision {revision!r}: give a branch, a tag or a commit"
    if isinstance(error, HfHubHTTPError):
        return f"{constants.ENDPOINT} answered {error.response.status_code} for {name}: try later"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"{constants.HF_HUB_CACHE} is full: make room, or set HF_HOME to another disk"
    why = (str(error).splitlines() or [""])[0] or "no reason given"
    return (
        f"cannot get {name} from {constants.ENDPOINT} ({type(error).__name__}: {why}): check the "
        "connection, or use --offline if it was downloaded before"
    )

"""What runs in a worker of a Dask cluster."""

from __future__ import annotations

import secrets
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from edgehybrid.batch.work import Outcome, Setup, Task, attempt, open_model
from edgehybrid.documents.opening import SUFFIXES

if TYPE_CHECKING:
    from edgehybrid.runtime.model import Model

#: A document whose worker is lost is tried again so often.
RETRIES = 2
#: Seconds in which the scheduler has to say how often a document was tried.
PATIENCE = 30

_lock = threading.Lock()
_loaded: dict[Setup, Model] = {}


class Sent(NamedTuple):
    """A document as it travels: its number, name and bytes, and what its tries are counted in."""

    number: int
    name: str
    content: bytes
    tries: str


def read(setup: Setup, sent: Sent) -> Outcome:
    """Summarise a document.

    Its name comes from elsewhere: it names no file here, but stands in what is said of it.

    Raises:
        WorkersError: here is another version of edgehybrid, or another model.
        EdgehybridError: the model cannot be loaded, or cannot do what is asked.
    """
    from distributed import Variable, get_client, get_worker

    tries = Variable(sent.tries, client=get_client())
    before = tries.get(timeout=PATIENCE)
    if before > RETRIES:
        return Outcome(sent.number, None, f"{before} workers were lost while they read it")
    tries.set(before + 1)
    model = _model(setup._replace(threads=get_worker().state.nthreads))
    suffix = next(s for s in SUFFIXES if sent.name.lower().endswith(s))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{secrets.token_hex(16)}{suffix}"
        path.write_bytes(sent.content)
        return attempt(model, setup.options, Task(sent.number, path), sent.name, lambda pages: None)


def _model(setup: Setup) -> Model:
    """The model, loaded once for all threads of this worker, which keeps the last one."""
    with _lock:
        if setup not in _loaded:
            _loaded.clear()
            _loaded[setup] = open_model(setup)
        return _loaded[setup]

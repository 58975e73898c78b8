"""What the routes of a server share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.requests import Request

from edgehybrid.serve.models import Models
from edgehybrid.serve.places import Places


@dataclass(frozen=True)
class State:
    """Models, places, and the seconds that a request may take."""

    models: Models
    places: Places
    seconds: float

    @contextmanager
    def entered(self) -> Iterator[float]:
        """A place for a request; when its time is over, on the loop's clock.

        Raises:
            ApiError: there is no place.
        """
        with self.places.place():
            yield asyncio.get_running_loop().time() + self.seconds


def state_of(request: Request) -> State:
    """The state of the server that got `request`."""
    found: State = request.app.state.shared
    return found

"""Listening until a signal comes."""

from __future__ import annotations

import logging
import os
import socket
from contextlib import closing

import uvicorn
from starlette.types import ASGIApp

from edgehybrid.errors import RequestError
from edgehybrid.serve.limits import MAX_HEAD
from edgehybrid.serve.protocol import Protocol
from edgehybrid.serve.settings import Settings

log = logging.getLogger("edgehybrid")

#: Connections beyond those that have a place; more are refused by uvicorn.
SPARE_CONNECTIONS = 64
#: Seconds that requests get to end after a signal.
GRACE = 3


def bind(settings: Settings) -> socket.socket:
    """The socket to listen with, taken before models are loaded.

    Raises:
        RequestError: the address cannot be had.
    """
    address = settings.address
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        return socket.create_server((str(address), settings.port), family=family)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise RequestError(
            f"cannot listen on {address} port {settings.port}: {why}; choose another with --port"
        ) from error


def url(listening: socket.socket) -> str:
    """What clients take as their base."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/v1" if ":" in host else f"http://{host}:{port}/v1"


def make_server(app: ASGIApp, settings: Settings) -> uvicorn.Server:
    """uvicorn, silent: a line for each request is written by the application."""
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL + 1)
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=MAX_HEAD,
        limit_concurrency=settings.parallel + settings.queue + SPARE_CONNECTIONS,
        timeout_graceful_shutdown=GRACE,
    )
    return uvicorn.Server(config)


def run(app: ASGIApp, settings: Settings, listening: socket.socket) -> None:
    """Serve until Ctrl-C or TERM, after which requests have a moment to end."""
    with closing(listening):
        log.info("listening on %s; Ctrl-C ends", url(listening))
        make_server(app, settings).run(sockets=[listening])

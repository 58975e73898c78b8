"""The routes, and what every request passes before it comes to one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from edgehybrid.serve.access import Names, Token
from edgehybrid.serve.chat import complete
from edgehybrid.serve.errors import GONE_STATUS, ApiError, ClientGone
from edgehybrid.serve.job import internal_error
from edgehybrid.serve.limits import Limited, Logged
from edgehybrid.serve.models import Models
from edgehybrid.serve.places import Places
from edgehybrid.serve.settings import Settings
from edgehybrid.serve.state import State, state_of
from edgehybrid.serve.summaries import summarize_upload


def make_app(models: Models, settings: Settings) -> Starlette:
    """The application; its threads end with it."""
    places = Places(settings.parallel, settings.queue)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await places.close()

    app = Starlette(
        routes=[
            Route("/health", health),
            Route("/v1/models", list_models),
            Route("/v1/models/{name:path}", show_model),
            Route("/v1/chat/completions", complete, methods=["POST"]),
            Route("/v1/summaries", summarize_upload, methods=["POST"]),
        ],
        middleware=_middleware(settings),
        exception_handlers={
            ApiError: _refuse,
            HTTPException: _refuse_path,
            ClientGone: _gone,
            ClientDisconnect: _gone,
            Exception: _fail,
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.shared = State(models, places, settings.timeout)
    return app


def _middleware(settings: Settings) -> list[Middleware]:
    """From the outside in. Browsers ask what they may without a token, so that comes later."""
    cross_origin = Middleware(
        CORSMiddleware,
        allow_origins=settings.origins,
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        allow_private_network=True,
    )
    return [
        Middleware(Logged),
        Middleware(Names, settings),
        cross_origin,
        Middleware(Token, settings),
        Middleware(Limited, settings.max_body, settings.timeout),
    ]


async def health(request: Request) -> Response:
    """Whether the server is there."""
    return JSONResponse({"status": "ok"})


async def list_models(request: Request) -> Response:
    """All models."""
    data = [served.described() for served in state_of(request).models]
    return JSONResponse({"object": "list", "data": data})


async def show_model(request: Request) -> Response:
    """One model."""
    return JSONResponse(state_of(request).models.named(request.path_params["name"]).described())


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error.response()


async def _refuse_path(request: Request, error: Exception) -> Response:
    """There is no such path, or not with this method; or the body is no form."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    path, method = f"{request.url.path!r:.80}", request.method[:8]
    told = {
        404: f"there is no {path} here",
        405: f"{path} is not for {method}, but for {headers.get('Allow')}",
    }
    message = told.get(error.status_code, error.detail)
    return ApiError(error.status_code, message, headers=headers).response()


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=GONE_STATUS)


async def _fail(request: Request, error: Exception) -> Response:
    return internal_error(error).response()

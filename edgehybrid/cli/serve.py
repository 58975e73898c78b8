"""`edgehybrid serve`."""

from __future__ import annotations

import importlib.util
import logging
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from edgehybrid.cli.guarding import Terminated
from edgehybrid.cli.opening import BUDGET, ROUTER, byte_count, token_budget
from edgehybrid.errors import RequestError

log = logging.getLogger("edgehybrid")


def serve(
    model: Annotated[
        list[Path] | None, typer.Option(help="A bundle besides the default reader; repeatable.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="An address of this machine; others need a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 for any that is free.")] = 8000,
    token_file: Annotated[
        Path | None, typer.Option(help="What clients have to send; or EDGEHYBRID_TOKEN.")
    ] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option(help="Of web pages that may ask; repeatable.")
    ] = None,
    budget: Annotated[str | None, typer.Option(help=f"Of language models. {BUDGET}")] = None,
    router: Annotated[str | None, typer.Option(help=ROUTER)] = None,
    max_body: Annotated[str, typer.Option(help="Bytes of a request, at most.")] = "64M",
    timeout: Annotated[float, typer.Option(help="Seconds for a request.")] = 600.0,
    parallel: Annotated[int, typer.Option(help="Requests worked on at the same time.")] = 4,
    queue: Annotated[int, typer.Option(help="Requests that may wait; more get 503.")] = 16,
) -> None:
    """Serve summaries and chats to programs that speak as OpenAI's clients do.

    POST /v1/summaries takes a document as file and gives what `summarize --format json` prints;
    POST /v1/chat/completions needs a language model. Ctrl-C ends.

    Examples:

      edgehybrid serve

      curl -F file=@report.pdf -F words=150 http://127.0.0.1:8000/v1/summaries

      edgehybrid serve --model granite-350m-int8 --budget 1024

      edgehybrid serve --host 0.0.0.0 --token-file token.txt
    """
    _require_extra()
    from edgehybrid.serve.app import make_app
    from edgehybrid.serve.models import load_models
    from edgehybrid.serve.running import bind, run
    from edgehybrid.serve.settings import Settings, find_token

    settings = Settings(
        host=host,
        port=port,
        token=find_token(token_file),
        origins=tuple(allow_origin or ()),
        max_body=byte_count(max_body, "--max-body"),
        timeout=timeout,
        parallel=parallel,
        queue=queue,
    )
    kept = token_budget(budget)
    listening = bind(settings)
    app = make_app(load_models(model or [], kept, router), settings)
    with suppress(KeyboardInterrupt, Terminated):  # how a server ends: not an error
        run(app, settings, listening)
    log.info("stopped")


def _require_extra() -> None:
    """
    Raises:
        RequestError: the packages are not there that only this command needs.
    """
    for name in ("starlette", "uvicorn", "python_multipart"):
        if importlib.util.find_spec(name) is None:
            raise RequestError(f"serve needs {name}: pip install 'edgehybrid[serve]'")

"""The application: paths of all dialects over one service, with access, bounds and figures around them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from pydantic import ValidationError
from pydantic_core import to_json

from tcmbench import strict_json
from tcmbench.errors import TcmbenchError
from tcmbench.serving.access import Gate
from tcmbench.serving.dialects import openai, plain, rerank, tei
from tcmbench.serving.info import info
from tcmbench.serving.metrics import CountedRequests
from tcmbench.serving.refusals import Refused, bad_request
from tcmbench.version import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from tcmbench.serving.dialects import Operation, RequestBody
    from tcmbench.serving.service import Service
    from tcmbench.store import Json

logger = logging.getLogger(__name__)

OPERATIONS = (*openai.OPERATIONS, *rerank.OPERATIONS, *tei.OPERATIONS, *plain.OPERATIONS)

_SHOWN = 3
"""Invalid fields in a message."""


def application(service: Service, *, key: str, is_local: bool) -> Any:
    """Return the ASGI application of a service, whose queue starts and ends with it.

    Args:
        service: What is served.
        key: Key that requests have to send; "" for none.
        is_local: Whether only names of this machine are served.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.queue.start()
        yield
        service.queue.close()

    # The page of Swagger loads its program from another host; the schema alone doesn't.
    app = FastAPI(title="tcmbench", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    for path, operations in by_path().items():
        app.add_api_route(
            path,
            _answering(service, operations),
            methods=["POST"],
            openapi_extra={"requestBody": _schema(operations)},
            summary=" or ".join(operation.request.__doc__ or "" for operation in operations.values()),
        )
    _add_pages(app, service)
    app.add_exception_handler(HTTPStatus.NOT_FOUND, _handler(HTTPStatus.NOT_FOUND, "no such path: see /openapi.json"))
    app.add_exception_handler(
        HTTPStatus.METHOD_NOT_ALLOWED, _handler(HTTPStatus.METHOD_NOT_ALLOWED, "another method is expected here")
    )
    paths = frozenset({*by_path(), "/v1/models", "/health", "/info", "/metrics"})
    return CountedRequests(Gate(app, key=key, is_local=is_local, refuse=_refusal), metrics=service.metrics, paths=paths)


def by_path() -> dict[str, dict[str, Operation]]:
    """Return path → field that decides → operation."""
    table: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        for path in operation.paths:
            table.setdefault(path, {})[operation.field] = operation
    return table


def _add_pages(app: FastAPI, service: Service) -> None:
    """Add what is read with GET."""

    async def health() -> Response:
        is_healthy = service.queue.is_healthy
        status = HTTPStatus.OK if is_healthy else HTTPStatus.SERVICE_UNAVAILABLE
        return _json({"status": "ok" if is_healthy else "failing"}, status)

    async def models() -> Response:
        return _json(openai.models(service))

    async def about() -> Response:
        return _json(info(service))

    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    for path, page in (("/health", health), ("/v1/models", models), ("/info", about), ("/metrics", metrics)):
        app.add_api_route(path, page, methods=["GET"])


def _answering(service: Service, operations: Mapping[str, Operation]) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of a path."""

    async def answer(request: Request) -> Response:
        try:
            body = await service.limits.body(request)
            operation, parsed = _parsed(body, operations)
            return _json(await _while_connected(request, operation.answer(service, parsed)))
        except Refused as refused:
            return _response(refused, request.url.path)
        except TcmbenchError as error:
            return _response(Refused(HTTPStatus.INTERNAL_SERVER_ERROR, str(error)), request.url.path)
        except Exception as error:  # a request gets an answer, whatever the model raises
            # Its message may contain a text.
            logger.error("%s: %s", request.url.path, type(error).__name__)
            logger.debug("%s", request.url.path, exc_info=error)
            told = Refused(HTTPStatus.INTERNAL_SERVER_ERROR, f"the model failed: {type(error).__name__}")
            return _response(told, request.url.path)

    return answer


async def _while_connected(request: Request, answer: Awaitable[Json]) -> Json:
    """Return an answer, which is given up when its client hangs up: nobody computes what nobody reads.

    Raises:
        Refused: The client has closed the connection.
    """
    # The body was read, so the only message left to come is that of the end.
    computing, ending = asyncio.ensure_future(answer), asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({computing, ending}, return_when=asyncio.FIRST_COMPLETED)
        if computing.done():
            return computing.result()
        raise Refused(HTTPStatus.BAD_REQUEST, "the client has closed the connection")
    finally:
        computing.cancel()
        ending.cancel()


def _parsed(body: bytes, operations: Mapping[str, Operation]) -> tuple[Operation, RequestBody]:
    """Return the operation that a body is of, and its request.

    Raises:
        Refused: It isn't JSON, of no dialect or of two, or has an invalid field.
    """
    try:
        content = strict_json.loads(body)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"expected a body in JSON, got something else ({type(error).__name__})") from error
    if not isinstance(content, dict):
        raise bad_request("expected an object in JSON")
    fields = [field for field in operations if field in content]
    if len(fields) != 1:
        got = " and ".join(fields) or "none of them"
        raise bad_request(f"expected one of the fields {', '.join(operations)}, got {got}")
    operation = operations[fields[0]]
    try:
        return operation, operation.request.model_validate(content)
    except ValidationError as error:
        raise bad_request(_invalid(error, operation)) from error


def _invalid(error: ValidationError, operation: Operation) -> str:
    """Return what is wrong with the fields of a request, without their values."""
    shown = []
    for one in error.errors(include_input=False, include_url=False)[:_SHOWN]:
        place = ".".join(str(part)[:40] for part in one["loc"])
        shown.append(f"{place}: {'unknown field' if one['type'] == 'extra_forbidden' else one['msg']}")
    known = ", ".join(operation.request.model_fields)
    return f"{'; '.join(shown)}. Fields: {known}. Texts are strings: token ids and messages are not accepted."


def _schema(operations: Mapping[str, Operation]) -> dict[str, Any]:
    """Return the body of a path for the OpenAPI schema."""
    schemas = [operation.request.model_json_schema() for operation in operations.values()]
    body = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    return {"required": True, "content": {"application/json": {"schema": body}}}


def _json(content: Json, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(to_json(content), status_code=status, media_type="application/json")


def _response(refused: Refused, path: str) -> Response:
    return Response(
        to_json(refused.body(path)),
        status_code=refused.status,
        media_type="application/json",
        headers=refused.headers,
    )


def _refusal(refused: Refused, path: str) -> Any:
    """Return the response to a request without access, as an ASGI application."""
    return _response(refused, path)


def _handler(status: HTTPStatus, message: str) -> Callable[..., Awaitable[Response]]:
    async def handle(status: HTTPStatus, message: str, request: Request, _: Exception) -> Response:
        return _response(Refused(status, message), request.url.path)

    return functools.partial(handle, status, message)

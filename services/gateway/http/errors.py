"""Failures in OpenAI's form: {"error": {"message", "type", "param", "code"}}."""

import re
from collections.abc import Sequence
from math import ceil
from typing import Any

import grpc
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from serving import errors
from serving.status import code_of
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import compile_path

log = structlog.get_logger(__name__)
_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: (400, "invalid_request_error"),
    grpc.StatusCode.FAILED_PRECONDITION: (400, "invalid_request_error"),
    grpc.StatusCode.OUT_OF_RANGE: (400, "invalid_request_error"),
    grpc.StatusCode.UNAUTHENTICATED: (401, "authentication_error"),
    grpc.StatusCode.PERMISSION_DENIED: (403, "permission_error"),
    grpc.StatusCode.NOT_FOUND: (404, "not_found_error"),
    grpc.StatusCode.ABORTED: (409, "conflict_error"),
    grpc.StatusCode.ALREADY_EXISTS: (409, "conflict_error"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (429, "rate_limit_error"),
    grpc.StatusCode.UNAVAILABLE: (503, "service_unavailable_error"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (504, "timeout_error"),
}
CLIENT_CLOSED_REQUEST = 499  # nginx's number for it
# Names of the contract's fields that HTTP calls otherwise.
_PARAMS = {
    "sampling.logprobs": "logprobs",
    "inputs": "input",
    "prompt.text": "prompt",
    "prompt.token_ids.ids": "prompt",
    "prompt.token_ids": "prompt",
    "sampling.structured_output": "response_format",
    "parameters.count": "n",
    "tool_choice.name": "tool_choice.function.name",
}
# What OpenAI has in an object of its own.
_FUNCTION = re.compile(
    r"(tools\[\d+\]|messages\[\d+\]\.tool_calls\[\d+\])\.(?=name|description|parameters|arguments)"
)


def failure(error: Exception) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers and body of a failed request; the text of an unexpected error is not told."""
    if isinstance(error, errors.QuadrilleError):
        status, kind = _STATUS.get(code_of(error), (500, "server_error"))
        if isinstance(error, errors.TooLarge):
            status, kind = 413, "invalid_request_error"
        param, message = None, error.message
        if isinstance(error, errors.InvalidInput):
            param = _param(error.field)
            message = f"{param}: {error.description}"
        return status, _headers(error), body(message, kind, param, error.reason.lower())
    log.error("unexpected_error", exc_info=error)
    message = "internal error; the server's log has it under this request id"
    return 500, {}, body(message, "server_error", None, "internal")


def body(message: str, kind: str, param: str | None, code: str | None) -> dict[str, Any]:
    """OpenAI's error object."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def install(app: FastAPI) -> None:
    """Answer every failure in this form."""

    async def known(_request: Request, error: Exception) -> JSONResponse:
        status, headers, content = failure(error)
        return JSONResponse(content, status, headers)

    async def unreadable(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        param, why = _told(error)
        message = f"{param}: {why}" if param else why
        return JSONResponse(body(message, "invalid_request_error", param, "invalid_input"), 400)

    async def plain(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        if error.status_code == 405 and (allowed := _allowed(app, request.url.path)):
            error.headers = {"allow": allowed}
        kind = "not_found_error" if error.status_code == 404 else "invalid_request_error"
        content = body(str(error.detail), kind, None, None)
        return JSONResponse(content, error.status_code, error.headers)

    async def gone(_request: Request, _error: Exception) -> Response:
        return Response(status_code=CLIENT_CLOSED_REQUEST)  # nobody reads it; it is counted

    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(errors.QuadrilleError, known)
    app.add_exception_handler(grpc.aio.AioRpcError, known)
    app.add_exception_handler(RequestValidationError, unreadable)
    app.add_exception_handler(HTTPException, plain)
    app.add_exception_handler(Exception, known)


def _allowed(app: FastAPI, path: str) -> str:
    """All methods of a path that is described; the router itself names those of the first route that has it."""
    found = (
        methods for known, methods in app.openapi()["paths"].items() if compile_path(known)[0].match(path)
    )
    return ", ".join(sorted({method.upper() for methods in found for method in methods}))


def place(loc: Sequence[str | int], sent: Any, *, missing: bool = False) -> str | None:
    """Name of a query's parameter, or path of what is wrong in a body, e.g. messages[0].role; None: the body itself.

    Pydantic's path also names the members of unions that it tried, which are nowhere in the body. What is missing is
    there neither, so it has to be said whether the last part is.
    """
    if loc[0] == "query":
        return str(loc[1])
    path, here = "", sent
    for left, part in zip(reversed(range(len(loc) - 1)), loc[1:], strict=True):
        if isinstance(here, list) and isinstance(part, int) and part < len(here):
            path, here = f"{path}[{part}]", here[part]
        elif isinstance(here, dict) and (part in here or (missing and not left)):
            path, here = f"{path}.{part}", here.get(part)
    return path.removeprefix(".") or None


def _told(error: RequestValidationError) -> tuple[str | None, str]:
    """Where the first fault is, and what. Of a union's members the one that came furthest tells most."""
    faults = [
        (place(fault["loc"], error.body, missing=fault["type"] == "missing"), str(fault["msg"]))
        for fault in error.errors()
    ]
    first = faults[0][0] or ""
    near = [fault for fault in faults if (fault[0] or "").startswith(first)]
    return max(near, key=lambda fault: len(fault[0] or ""))


def _param(field: str) -> str:
    for theirs, ours in _PARAMS.items():
        rest = field.removeprefix(theirs)
        if field.startswith(theirs) and (not rest or rest[0] in ".["):
            return ours + rest
    return _FUNCTION.sub(r"\1.function.", field.removeprefix("sampling.").removeprefix("parameters."))


def _headers(error: errors.QuadrilleError) -> dict[str, str]:
    if isinstance(error, errors.Unauthenticated):
        return {"www-authenticate": "Bearer"}
    if not isinstance(error, errors.Overloaded | errors.Unavailable):
        return {}
    seconds = error.retry_after_s
    told = {"retry-after": str(max(1, ceil(seconds))), "retry-after-ms": str(max(1, round(seconds * 1000)))}
    # OpenAI's clients go by their own delays when one is over a minute; that would be in vain.
    return told if seconds <= 60 else {**told, "x-should-retry": "false"}

"""Who sends an HTTP request, and for how long they wait."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from fastapi import Request
from serving.auth import KeyStore, bearer, require
from serving.call import Call, enter_call
from starlette.requests import ClientDisconnect

from gateway.admission.gate import Gate

Result = TypeVar("Result")


def identified(keys: KeyStore, scope: str) -> Callable[[Request], AsyncIterator[None]]:
    """A dependency: authenticates, checks the scope, makes the call known to what it runs, and enters the app's gate.

    The caller counts as one who is there until the response has ended.
    """

    async def identify(request: Request) -> AsyncIterator[None]:
        principal = keys.authenticate(bearer(request.headers.get("authorization")))
        enter_call(Call(request.scope["path"], request.state.request_id, principal))
        require(principal, scope)
        gate: Gate = request.app.state.gate
        with gate.entered(principal):
            yield

    return identify


async def unless_gone(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """The work's result.

    When the client disconnects, the work is cancelled, and with it the calls behind it; then ClientDisconnect
    is raised.
    """
    working, gone = asyncio.create_task(work), False

    async def watch() -> None:
        nonlocal gone
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone = True
        working.cancel()

    watching = asyncio.create_task(watch())
    try:
        return await working  # in a task of its own, which is woken without all that surrounds a request
    except (asyncio.CancelledError, Exception):
        if gone:
            raise ClientDisconnect from None
        raise
    finally:
        watching.cancel()

"""Which channel a proxied call takes."""

import re
from collections.abc import Mapping
from typing import Any

import grpc

from gateway.proxy import Route
from gateway.routing import Router

# Methods that need another capability than their name says.
_CAPABILITIES = {
    "Detokenize": "tokenize",
    "LoadLora": "generate",
    "UnloadLora": "generate",
    "ListLoras": "generate",
}


def by_capability(router: Router[Any], channels: Mapping[str, grpc.aio.Channel]) -> Route:
    """To the backend that has the named model or, without a name, the method's capability."""

    async def route(model: str, method: str) -> grpc.aio.Channel:
        capability = _CAPABILITIES.get(method, re.sub(r"(?<!^)(?=[A-Z])", "_", method).lower())
        return channels[await router.route(model, capability)]

    return route


def fixed(channel: grpc.aio.Channel) -> Route:
    """Always the same one."""

    async def route(model: str, method: str) -> grpc.aio.Channel:
        return channel

    return route

"""Routers over servers that list their models."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from gateway.adapters.calls import Caller
from gateway.balancing.pool import Pool
from gateway.balancing.replica import Replica
from gateway.routing import ModelEntry, Router

Model = TypeVar("Model", bound=Message)
_LIST_TIMEOUT_S = 5.0


def model_router(
    pool: Pool,
    caller: Caller,
    stub: Callable[[grpc.aio.Channel], Any],
    request: Message,
    describe: Callable[[Model], ModelEntry],
    *,
    option: str,
    fallbacks: Mapping[str, Sequence[str]] | None,
) -> Router[Model]:
    """A router by what the servers answer to `request`, their ListModels' own; `option` would load another model."""

    async def fetch(replica: Replica) -> Sequence[Model]:
        answer = await caller.unary(replica.stub(stub).ListModels, request, _LIST_TIMEOUT_S)
        models: Sequence[Model] = answer.models
        return models

    return Router(pool, fetch, describe, _renamed, option=option, fallbacks=fallbacks)


def _renamed(model: Model, name: str) -> Model:
    renamed: Any = type(model)()
    renamed.CopyFrom(model)
    renamed.id = name
    result: Model = renamed
    return result

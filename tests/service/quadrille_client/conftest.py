"""One suite for both clients: a driver runs the same calls through Client or AsyncClient."""

import asyncio
import inspect
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from quadrille_client import AsyncClient, Client
from serving.errors import QuadrilleError
from serving.status import code_of, trailers_of


class SyncDriver:
    """Calls through Client."""

    def call(self, address, use, **options):
        """The whole result of `use(client)`; a list when it is a stream."""
        with Client(address, **options) as client:
            result = use(client)
            return list(result) if hasattr(result, "__next__") or hasattr(result, "cancel") else result

    def take(self, address, use, count, **options):
        """The first events of a stream that is then left."""
        with Client(address, **options) as client, use(client) as stream:
            return [event for event, _ in zip(stream, range(count), strict=False)]


class AsyncDriver:
    """Calls through AsyncClient."""

    def call(self, address, use, **options):
        """The whole result of `use(client)`; a list when it is a stream."""

        async def run():
            async with AsyncClient(address, **options) as client:
                result = use(client)
                return await result if inspect.isawaitable(result) else [event async for event in result]

        return asyncio.run(run())

    def take(self, address, use, count, **options):
        """The first events of a stream that is then left."""

        async def run():
            events = []
            async with AsyncClient(address, **options) as client, use(client) as stream:
                async for event in stream:
                    events.append(event)
                    if len(events) == count:
                        break
            return events

        return asyncio.run(run())


class Rich(grpc.ServerInterceptor):
    """Answers domain errors as the true servers do, and remembers each call's metadata."""

    def __init__(self):
        self.calls = []

    def intercept_service(self, continuation, details):
        handler = continuation(details)
        if handler is None:
            return None
        metadata = dict(details.invocation_metadata)
        self.calls.append((details.method.rpartition("/")[2], metadata))
        behaviour = handler.unary_unary or handler.unary_stream or handler.stream_stream

        def fail(context, error):
            context.set_trailing_metadata(trailers_of(error, metadata["x-request-id"]))
            context.abort(code_of(error), error.message)

        def single(request, context):
            try:
                return behaviour(request, context)
            except QuadrilleError as error:
                fail(context, error)

        def stream(request, context):
            try:
                yield from behaviour(request, context)
            except QuadrilleError as error:
                fail(context, error)

        if handler.unary_unary:
            return handler._replace(unary_unary=single)
        kind = "stream_stream" if handler.stream_stream else "unary_stream"
        return handler._replace(**{kind: stream})


@pytest.fixture(params=[SyncDriver, AsyncDriver], ids=["sync", "async"])
def driver(request):
    return request.param()


@pytest.fixture
def calls():
    """(method, metadata) of every call that the server got."""
    return []


@pytest.fixture
def serve(calls):
    """Starts a real server: `serve((add_servicer, servicer), …)` is its address."""
    servers = []

    def start(*registrations):
        rich = Rich()
        rich.calls = calls
        server = grpc.server(ThreadPoolExecutor(8), interceptors=[rich])
        for add, servicer in registrations:
            add(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
        return f"127.0.0.1:{port}"

    yield start
    for server in servers:
        server.stop(None).wait()

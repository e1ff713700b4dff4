import asyncio

import pytest
from prometheus_client import CollectorRegistry
from quadrille.text.v1 import text_pb2, text_pb2_grpc
from serving.call import current_call
from serving.config import ServiceSettings
from serving.errors import InvalidInput, Overloaded
from serving.server import GrpcServer

SERVICE = text_pb2.DESCRIPTOR.services_by_name["TextService"].full_name


class EchoService(text_pb2_grpc.TextServiceServicer):
    """Small and working: Detokenize answers, Tokenize and Score fail, Generate streams until stopped."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.release = asyncio.Event()

    async def Detokenize(self, request, context):
        call = current_call()
        facts = (call.request_id, call.principal.tenant, call.deadline is not None)
        return text_pb2.DetokenizeResponse(text=" ".join(map(str, facts)))

    async def Tokenize(self, request, context):
        raise InvalidInput("text", "must not be empty")

    async def Rerank(self, request, context):
        raise Overloaded("full", retry_after_s=3)

    async def Score(self, request, context):
        raise ZeroDivisionError("a secret")

    async def Embed(self, request, context):
        await self.release.wait()
        return text_pb2.EmbedResponse()

    async def Generate(self, request, context):
        try:
            while True:
                yield text_pb2.GenerateResponse(delta=text_pb2.GenerationDelta(text=request.prompt.text))
                await asyncio.sleep(0.01 if len(request.prompt.text) < 1000 else 0)
        finally:
            self.closed.set()


@pytest.fixture
def make_server(monkeypatch):
    monkeypatch.delenv("QUADRILLE_CONFIG", raising=False)

    def make(keys=None, **options):
        server = GrpcServer(ServiceSettings(**options), registry=CollectorRegistry(), keys=keys)
        servicer = EchoService()
        text_pb2_grpc.add_TextServiceServicer_to_server(servicer, server.grpc)
        return server, servicer

    return make

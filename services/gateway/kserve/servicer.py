"""GRPCInferenceService: convert, await, convert."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from importlib.metadata import version
from typing import Any

from quadrille.kserve import open_inference_pb2 as pb
from quadrille.kserve import open_inference_pb2_grpc
from serving.call import current_call
from serving.errors import QuadrilleError

from gateway.convert import inference as convert
from gateway.kserve.inferrer import Inferrer

SERVICE: str = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
_FINAL = "triton_final_response"


class InferenceServicer(open_inference_pb2_grpc.GRPCInferenceServiceServicer):
    """Text models for clients of KServe and Triton; `ready` says whether all is served."""

    def __init__(self, inferrer: Inferrer, ready: Callable[[], bool]) -> None:
        self._inferrer = inferrer
        self._ready = ready

    async def ServerLive(self, request: pb.ServerLiveRequest, context: Any) -> pb.ServerLiveResponse:  # noqa: N802
        """It answers."""
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, request: pb.ServerReadyRequest, context: Any) -> pb.ServerReadyResponse:  # noqa: N802
        """Whether all is served."""
        return pb.ServerReadyResponse(ready=self._ready())

    async def ModelReady(self, request: pb.ModelReadyRequest, context: Any) -> pb.ModelReadyResponse:  # noqa: N802
        """Whether a model is served."""
        known = request.version in ("", convert.VERSION)
        return pb.ModelReadyResponse(ready=known and await self._inferrer.is_ready(request.name))

    async def ServerMetadata(  # noqa: N802
        self, request: pb.ServerMetadataRequest, context: Any
    ) -> pb.ServerMetadataResponse:
        """What this is."""
        extensions = ["model_stream_infer"]
        return pb.ServerMetadataResponse(
            name="quadrille", version=version("quadrille"), extensions=extensions
        )

    async def ModelMetadata(  # noqa: N802
        self, request: pb.ModelMetadataRequest, context: Any
    ) -> pb.ModelMetadataResponse:
        """What a model takes and gives."""
        model = convert.model_of(request.name, request.version)
        return convert.metadata_to_proto(model, await self._inferrer.signature(model))

    async def ModelInfer(self, request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:  # noqa: N802
        """A whole answer."""
        asked = convert.request_from_proto(request)
        return convert.result_to_proto(await self._inferrer.infer(asked), asked)

    async def ModelStreamInfer(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.ModelInferRequest], context: Any
    ) -> AsyncIterator[pb.ModelStreamInferResponse]:
        """An answer after another, in pieces; what goes wrong with one is told in the stream."""
        count = 0
        async for request in request_iterator:
            count += 1
            try:
                async with aclosing(self._pieces(request, count)) as pieces:
                    async for piece in pieces:
                        yield pb.ModelStreamInferResponse(infer_response=piece)
            except QuadrilleError as error:
                failed = pb.ModelInferResponse(id=request.id)
                failed.parameters[_FINAL].bool_param = True
                yield pb.ModelStreamInferResponse(error_message=error.message, infer_response=failed)

    async def _pieces(
        self, request: pb.ModelInferRequest, count: int
    ) -> AsyncGenerator[pb.ModelInferResponse, None]:
        asked = convert.request_from_proto(request)
        # The text service takes two requests of one id for one request.
        request_id = f"{current_call().request_id[:116]}-{count}"
        async with aclosing(self._inferrer.stream(asked, request_id)) as results:
            async for result in results:
                response = convert.result_to_proto(result, asked)
                response.parameters[_FINAL].bool_param = result.final
                yield response

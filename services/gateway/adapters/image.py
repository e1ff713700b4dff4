"""The image port over one or several imagegen servers."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

from google.protobuf.message import Message
from quadrille.image.v1 import image_pb2, image_pb2_grpc

from gateway.adapters.calls import BalancedCaller, Caller
from gateway.adapters.models import model_router
from gateway.balancing.balancer import Balancer
from gateway.balancing.pool import Pool
from gateway.convert import image as convert
from gateway.domain import image as domain
from gateway.routing import ModelEntry, Router

SERVICE: str = image_pb2.DESCRIPTOR.services_by_name["ImageService"].full_name


def image_router(
    pool: Pool, api_key: str | None = None, fallbacks: Mapping[str, Sequence[str]] | None = None
) -> Router[image_pb2.Model]:
    """A router over imagegen servers."""
    return model_router(
        pool,
        Caller(SERVICE, api_key),
        image_pb2_grpc.ImageServiceStub,
        image_pb2.ListModelsRequest(),
        _describe,
        option="QUADRILLE_IMAGEGEN_MODELS",
        fallbacks=fallbacks,
    )


class GrpcImageBackend:
    """ImageBackend: each call goes to a server that holds its model."""

    def __init__(
        self, router: Router[image_pb2.Model], balancer: Balancer, api_key: str | None = None
    ) -> None:
        self._router = router
        self._caller = BalancedCaller(SERVICE, image_pb2_grpc.ImageServiceStub, balancer, api_key)

    async def list_models(self) -> Sequence[domain.ImageModel]:
        """All models that can be reached."""
        return [convert.model_from_proto(model) for model in await self._router.models()]

    def generate(self, request: domain.ImageRequest) -> AsyncGenerator[domain.ImageEvent, None]:
        """Make images."""
        return self._events("Generate", lambda: convert.generate_to_proto(request), "generate")

    def edit(self, request: domain.ImageEdit) -> AsyncGenerator[domain.ImageEvent, None]:
        """Make images that start from one."""
        capability = "edit" if request.mask is None else "inpaint"
        return self._events("Edit", lambda: convert.edit_to_proto(request), capability)

    def _events(
        self, method: str, make: Callable[[], Message], capability: str
    ) -> AsyncGenerator[domain.ImageEvent, None]:
        return self._caller.stream(method, make, capability, convert.event_from_proto, domain.ImageFinished)


def _describe(model: image_pb2.Model) -> ModelEntry:
    names = (image_pb2.Capability.Name(item) for item in model.capabilities if item in _KNOWN)
    return ModelEntry(model.id, frozenset(name.removeprefix("CAPABILITY_").lower() for name in names))


_KNOWN = frozenset(image_pb2.Capability.values())

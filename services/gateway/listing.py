"""ListModels and GetModel over all backends: merged here, because no single backend knows them all."""

from typing import Any

import grpc
from quadrille.image.v1 import image_pb2
from quadrille.text.v1 import text_pb2
from serving.errors import InvalidInput, NotFound

from gateway.routing import Router

TEXT_NATIVE = frozenset({"ListModels", "GetModel"})
IMAGE_NATIVE = frozenset({"ListModels"})


def text_listing(router: Router[text_pb2.Model]) -> Any:
    """Generic handler of TextService's ListModels and GetModel."""

    async def list_models(request: text_pb2.ListModelsRequest, context: Any) -> text_pb2.ListModelsResponse:
        return text_pb2.ListModelsResponse(models=await router.models())

    async def get_model(request: text_pb2.GetModelRequest, context: Any) -> text_pb2.GetModelResponse:
        if not request.model:
            raise InvalidInput("model", "must be set")
        for model in await router.models():
            if model.id == request.model:
                return text_pb2.GetModelResponse(model=model)
        raise NotFound("model", request.model)

    service = text_pb2.DESCRIPTOR.services_by_name["TextService"].full_name
    return grpc.method_handlers_generic_handler(
        service,
        {
            "ListModels": _unary(list_models, text_pb2.ListModelsRequest, text_pb2.ListModelsResponse),
            "GetModel": _unary(get_model, text_pb2.GetModelRequest, text_pb2.GetModelResponse),
        },
    )


def image_listing(router: Router[image_pb2.Model]) -> Any:
    """Generic handler of ImageService's ListModels."""

    async def list_models(request: image_pb2.ListModelsRequest, context: Any) -> image_pb2.ListModelsResponse:
        return image_pb2.ListModelsResponse(models=await router.models())

    service = image_pb2.DESCRIPTOR.services_by_name["ImageService"].full_name
    handler = _unary(list_models, image_pb2.ListModelsRequest, image_pb2.ListModelsResponse)
    return grpc.method_handlers_generic_handler(service, {"ListModels": handler})


def _unary(behavior: Any, request: Any, response: Any) -> Any:
    return grpc.unary_unary_rpc_method_handler(behavior, request.FromString, response.SerializeToString)

"""Image messages, both ways."""

from quadrille.image.v1 import image_pb2

from gateway.domain import image as domain

_FORMATS = {
    domain.ImageFormat.PNG: image_pb2.IMAGE_FORMAT_PNG,
    domain.ImageFormat.JPEG: image_pb2.IMAGE_FORMAT_JPEG,
    domain.ImageFormat.WEBP: image_pb2.IMAGE_FORMAT_WEBP,
}
_OPTIONAL = ("width", "height", "steps", "guidance_scale", "seed")


def generate_to_proto(request: domain.ImageRequest) -> image_pb2.GenerateRequest:
    """The wire form of a request."""
    return image_pb2.GenerateRequest(
        model=request.model,
        prompt=request.prompt,
        parameters=_parameters(request),
        request_id=request.request_id,
    )


def edit_to_proto(edit: domain.ImageEdit) -> image_pb2.EditRequest:
    """The wire form of an edit."""
    request = edit.asked
    return image_pb2.EditRequest(
        model=request.model,
        prompt=request.prompt,
        parameters=_parameters(request),
        request_id=request.request_id,
        init_image=image_pb2.Image(data=edit.image),
        mask=None if edit.mask is None else image_pb2.Image(data=edit.mask),
        mask_channel=image_pb2.MASK_CHANNEL_ALPHA,
        strength=edit.strength,
    )


def _parameters(request: domain.ImageRequest) -> image_pb2.DiffusionParameters:
    parameters = image_pb2.DiffusionParameters(
        negative_prompt=request.negative_prompt or "",
        count=request.count,
        format=_FORMATS[request.format],
        preview_every_steps=request.preview_every_steps,
        loras=[image_pb2.Lora(name=lora.name, scale=lora.scale) for lora in request.loras],
    )
    for name in _OPTIONAL:
        if (value := getattr(request, name)) is not None:
            setattr(parameters, name, value)
    return parameters


def event_from_proto(
    message: image_pb2.GenerateResponse | image_pb2.EditResponse,
) -> domain.ImageEvent | None:
    """One event of a stream; None for those that the gateway has no use for."""
    match message.WhichOneof("event"):
        case "preview":
            preview = message.preview
            image = preview.image
            return domain.ImagePreview(preview.index, preview.step, image.data, image.width, image.height)
        case "image":
            result = message.image
            image = result.image
            return domain.ImageResult(
                result.index, image.data, image.width, image.height, result.seed, result.safety.withheld
            )
        case "finished":
            return domain.ImageFinished(message.finished.image_count)
        case _:
            return None


def model_from_proto(message: image_pb2.Model) -> domain.ImageModel:
    """A loaded model."""
    return domain.ImageModel(
        id=message.id,
        generates=image_pb2.CAPABILITY_GENERATE in message.capabilities,
        edits=image_pb2.CAPABILITY_EDIT in message.capabilities,
        default_width=message.default_width,
        default_height=message.default_height,
        default_steps=message.default_steps,
    )

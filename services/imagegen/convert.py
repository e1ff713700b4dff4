"""Between protobuf and the domain; protobuf types stop here. Values are checked later, forms here."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from quadrille.image.v1 import adapters_pb2
from quadrille.image.v1 import image_pb2 as pb
from serving.errors import InvalidInput
from serving.loras import Adapter

from imagegen.domain import (
    Capability,
    Conditioning,
    DecodeRequest,
    DiffusionParameters,
    EditRequest,
    EncodeRequest,
    GenerateRequest,
    Guidance,
    ImageFormat,
    ImagePoint,
    InterpolateRequest,
    InterpolationMethod,
    LatentPoint,
    LoraChoice,
    MaskChannel,
    ModelDescription,
    Sampler,
    ScoreMethod,
    ScoreRequest,
    SeedPoint,
    TensorPoint,
)
from imagegen.engine import Decoded, Encoded, Scored
from imagegen.events import (
    Finished,
    ImageFile,
    ImageResult,
    Preview,
    Progress,
    Queued,
    Safety,
    StreamEvent,
    Timings,
)
from imagegen.tensors import from_tensor, to_tensor

_SAMPLERS = {
    pb.SAMPLER_DDIM: Sampler.DDIM,
    pb.SAMPLER_EULER: Sampler.EULER,
    pb.SAMPLER_EULER_ANCESTRAL: Sampler.EULER_ANCESTRAL,
    pb.SAMPLER_DPM_SOLVER_PP: Sampler.DPM_SOLVER_PP,
    pb.SAMPLER_DDPM: Sampler.DDPM,
    pb.SAMPLER_UNIPC: Sampler.UNIPC,
    pb.SAMPLER_FLOW_MATCH_EULER: Sampler.FLOW_MATCH_EULER,
}
_SAMPLER_NUMBERS = {sampler: number for number, sampler in _SAMPLERS.items()}
_FORMATS = {
    pb.IMAGE_FORMAT_UNSPECIFIED: ImageFormat.PNG,
    pb.IMAGE_FORMAT_PNG: ImageFormat.PNG,
    pb.IMAGE_FORMAT_JPEG: ImageFormat.JPEG,
    pb.IMAGE_FORMAT_WEBP: ImageFormat.WEBP,
}
_FORMAT_NUMBERS = {
    ImageFormat.PNG: pb.IMAGE_FORMAT_PNG,
    ImageFormat.JPEG: pb.IMAGE_FORMAT_JPEG,
    ImageFormat.WEBP: pb.IMAGE_FORMAT_WEBP,
}
_MASK_CHANNELS = {
    pb.MASK_CHANNEL_UNSPECIFIED: MaskChannel.LUMINANCE,
    pb.MASK_CHANNEL_LUMINANCE: MaskChannel.LUMINANCE,
    pb.MASK_CHANNEL_ALPHA: MaskChannel.ALPHA,
}
_METHODS = {
    pb.INTERPOLATION_METHOD_UNSPECIFIED: InterpolationMethod.SLERP,
    pb.INTERPOLATION_METHOD_SLERP: InterpolationMethod.SLERP,
    pb.INTERPOLATION_METHOD_LINEAR: InterpolationMethod.LINEAR,
}
_SCORE_METHODS = {
    pb.SCORE_METHOD_VAE_ELBO: ScoreMethod.VAE_ELBO,
    pb.SCORE_METHOD_PROBABILITY_FLOW: ScoreMethod.PROBABILITY_FLOW,
}
_SCORE_METHOD_NUMBERS = {method: number for number, method in _SCORE_METHODS.items()}
_CAPABILITIES = {
    Capability.GENERATE: pb.CAPABILITY_GENERATE,
    Capability.EDIT: pb.CAPABILITY_EDIT,
    Capability.INPAINT: pb.CAPABILITY_INPAINT,
    Capability.INTERPOLATE: pb.CAPABILITY_INTERPOLATE,
    Capability.ENCODE: pb.CAPABILITY_ENCODE,
    Capability.DECODE: pb.CAPABILITY_DECODE,
    Capability.SCORE: pb.CAPABILITY_SCORE,
}
_CONDITIONINGS = {
    Conditioning.NONE: pb.CONDITIONING_NONE,
    Conditioning.LABEL: pb.CONDITIONING_LABEL,
    Conditioning.TEXT: pb.CONDITIONING_TEXT,
}
_GUIDANCES = {
    Guidance.NONE: pb.GUIDANCE_NONE,
    Guidance.CLASSIFIER_FREE: pb.GUIDANCE_CLASSIFIER_FREE,
    Guidance.DISTILLED: pb.GUIDANCE_DISTILLED,
}


class _Response(Protocol):
    """A stream's response: a oneof of the five events."""

    def __init__(
        self,
        *,
        queued: pb.Queued | None = None,
        progress: pb.Progress | None = None,
        preview: pb.Preview | None = None,
        image: pb.ImageResult | None = None,
        finished: pb.Finished | None = None,
    ) -> None: ...


ResponseT = TypeVar("ResponseT", bound=_Response)


def generate_request(message: pb.GenerateRequest) -> GenerateRequest:
    """A generation as asked."""
    return GenerateRequest(
        model=message.model,
        prompt=message.prompt,
        parameters=_parameters(message.parameters),
        request_id=message.request_id,
        priority=message.priority,
    )


def edit_request(message: pb.EditRequest) -> EditRequest:
    """An edit as asked. Raises InvalidInput without an init image or for an unknown channel."""
    if not message.HasField("init_image"):
        raise InvalidInput("init_image", "must be set")
    if message.mask_channel not in _MASK_CHANNELS:
        raise InvalidInput("mask_channel", f"{message.mask_channel} is not a channel of masks")
    return EditRequest(
        init_image=_image("init_image", message.init_image),
        mask=_image("mask", message.mask) if message.HasField("mask") else None,
        mask_channel=_MASK_CHANNELS[message.mask_channel],
        strength=message.strength if message.HasField("strength") else 0.8,
        model=message.model,
        prompt=message.prompt,
        parameters=_parameters(message.parameters),
        request_id=message.request_id,
        priority=message.priority,
    )


def interpolate_request(message: pb.InterpolateRequest) -> InterpolateRequest:
    """A walk as asked. Raises InvalidInput for a missing end or an unknown method."""
    if message.method not in _METHODS:
        raise InvalidInput("method", f"{message.method} is not an interpolation method")
    return InterpolateRequest(
        start=_point("start", message.start),
        end=_point("end", message.end),
        frame_count=message.frame_count if message.HasField("frame_count") else 8,
        method=_METHODS[message.method],
        model=message.model,
        parameters=_parameters(message.parameters),
        request_id=message.request_id,
    )


def encode_request(message: pb.EncodeRequest) -> EncodeRequest:
    """An encoding as asked."""
    return EncodeRequest(
        images=_images(message.images),
        seed=message.seed if message.HasField("seed") else None,
        model=message.model,
    )


def decode_request(message: pb.DecodeRequest) -> DecodeRequest:
    """A decoding as asked. Raises InvalidInput for malformed tensors."""
    return DecodeRequest(
        latents=tuple(from_tensor(f"latents[{i}]", latent) for i, latent in enumerate(message.latents)),
        format=_format("format", message.format),
        model=message.model,
    )


def score_request(message: pb.ScoreRequest) -> ScoreRequest:
    """A scoring as asked. Raises InvalidInput for an unknown method."""
    if message.method != pb.SCORE_METHOD_UNSPECIFIED and message.method not in _SCORE_METHODS:
        raise InvalidInput("method", f"{message.method} is not a method of scoring")
    return ScoreRequest(
        images=_images(message.images),
        samples=message.samples if message.HasField("samples") else 4,
        seed=message.seed,
        model=message.model,
        method=_SCORE_METHODS.get(message.method),
        prompt=message.prompt,
        steps=message.steps if message.HasField("steps") else None,
    )


def stream_response(event: StreamEvent, response: type[ResponseT]) -> ResponseT:
    """An event as a message of the stream's response type."""
    match event:
        case Queued(request_id, model, position):
            return response(queued=pb.Queued(request_id=request_id, model=model, queue_position=position))
        case Progress(step, step_count):
            return response(progress=pb.Progress(step=step, step_count=step_count))
        case Preview(index, step, image):
            return response(preview=pb.Preview(index=index, step=step, image=_image_message(image)))
        case ImageResult(index, image, seed, safety):
            judged = None if safety is None else _safety(safety)
            result = pb.ImageResult(index=index, image=_image_message(image), seed=seed, safety=judged)
            return response(image=result)
        case Finished(images, steps, timings):
            finished = pb.Finished(image_count=images, image_step_count=steps, timings=_timings(timings))
            return response(finished=finished)


def encode_response(result: Encoded) -> pb.EncodeResponse:
    """Latents as a message."""
    latents = [to_tensor(latent) for latent in result.latents]
    return pb.EncodeResponse(latents=latents, model=result.model, timings=_timings(result.timings))


def decode_response(result: Decoded) -> pb.DecodeResponse:
    """Images as a message."""
    images = [_image_message(image) for image in result.images]
    safety = [_safety(verdict) for verdict in result.safety]
    return pb.DecodeResponse(
        images=images, model=result.model, timings=_timings(result.timings), safety=safety
    )


def score_response(result: Scored) -> pb.ScoreResponse:
    """Bounds as a message."""
    bounds = [
        pb.LikelihoodBound(
            elbo=bound.elbo,
            bits_per_dimension=bound.bits_per_dimension,
            reconstruction=bound.reconstruction,
            kl_divergence=bound.kl_divergence,
            standard_error=bound.standard_error,
            dimension_count=bound.dimensions,
        )
        for bound in result.bounds
    ]
    timings = _timings(result.timings)
    return pb.ScoreResponse(bounds=bounds, model=result.model, method=result.method, timings=timings)


def list_models_response(models: Sequence[ModelDescription]) -> pb.ListModelsResponse:
    """Models as a message, in the order given."""
    return pb.ListModelsResponse(models=[_model(model) for model in models])


def lora(model_id: str, adapter: Adapter) -> adapters_pb2.LoadLoraResponse:
    """An adapter's facts."""
    return adapters_pb2.LoadLoraResponse(
        model=model_id,
        name=adapter.name,
        rank=adapter.rank,
        size_bytes=adapter.size_bytes,
        sha256=adapter.sha256,
    )


def loras(model_id: str, adapters: Sequence[Adapter]) -> adapters_pb2.ListLorasResponse:
    """The facts of a model's adapters."""
    loaded = [
        adapters_pb2.LoadedLora(
            name=each.name, rank=each.rank, size_bytes=each.size_bytes, sha256=each.sha256
        )
        for each in adapters
    ]
    return adapters_pb2.ListLorasResponse(model=model_id, loras=loaded)


def _parameters(message: pb.DiffusionParameters) -> DiffusionParameters:
    if message.sampler != pb.SAMPLER_UNSPECIFIED and message.sampler not in _SAMPLERS:
        raise InvalidInput("parameters.sampler", f"{message.sampler} is not a sampler")
    return DiffusionParameters(
        negative_prompt=message.negative_prompt,
        width=message.width if message.HasField("width") else None,
        height=message.height if message.HasField("height") else None,
        steps=message.steps if message.HasField("steps") else None,
        guidance_scale=message.guidance_scale if message.HasField("guidance_scale") else None,
        sampler=_SAMPLERS.get(message.sampler),
        seed=message.seed if message.HasField("seed") else None,
        count=message.count if message.HasField("count") else None,
        format=_format("parameters.format", message.format),
        preview_every_steps=message.preview_every_steps,
        truncation=message.truncation if message.HasField("truncation") else None,
        loras=tuple(
            LoraChoice(lora.name, lora.scale if lora.HasField("scale") else 1.0) for lora in message.loras
        ),
    )


def _format(field: str, number: pb.ImageFormat.ValueType) -> ImageFormat:
    if number not in _FORMATS:
        raise InvalidInput(field, f"{number} is not an image format")
    return _FORMATS[number]


def _image(field: str, message: pb.Image) -> bytes:
    _format(f"{field}.format", message.format)
    return message.data


def _images(messages: Sequence[pb.Image]) -> tuple[bytes, ...]:
    return tuple(_image(f"images[{index}]", message) for index, message in enumerate(messages))


def _point(field: str, message: pb.LatentPoint) -> LatentPoint:
    place = message.WhichOneof("place")
    if place is None:
        raise InvalidInput(field, "must have a seed, an image or a latent")
    if place == "seed":
        return SeedPoint(message.seed, message.prompt)
    if message.prompt:
        raise InvalidInput(f"{field}.prompt", "may only be set with a seed")
    if place == "image":
        return ImagePoint(_image(f"{field}.image", message.image))
    return TensorPoint(from_tensor(f"{field}.latent", message.latent))


def _image_message(image: ImageFile) -> pb.Image:
    return pb.Image(
        data=image.data, format=_FORMAT_NUMBERS[image.format], width=image.width, height=image.height
    )


def _safety(safety: Safety) -> pb.Safety:
    flags = [pb.SafetyFlag(category=flag.category, score=flag.score) for flag in safety.flags]
    return pb.Safety(flags=flags, withheld=safety.withheld)


def _timings(timings: Timings) -> pb.Timings:
    return pb.Timings(
        queue_ms=timings.queue_ms,
        encode_ms=timings.encode_ms,
        denoise_ms=timings.denoise_ms,
        decode_ms=timings.decode_ms,
        device_ms=timings.device_ms,
        energy_joules=timings.energy_joules,
        device_share_ms=timings.device_share_ms,
        batch_occupancy=timings.batch_occupancy,
    )


def _model(model: ModelDescription) -> pb.Model:
    return pb.Model(
        id=model.id,
        architecture=model.architecture,
        capabilities=[_CAPABILITIES[c] for c in Capability if c in model.capabilities],
        samplers=[_SAMPLER_NUMBERS[sampler] for sampler in model.samplers],
        default_width=model.default_width,
        default_height=model.default_height,
        max_size=model.max_size,
        size_granularity=model.size_granularity,
        default_steps=model.default_steps,
        default_guidance_scale=model.default_guidance_scale,
        latent_shape=model.latent_shape,
        parameter_count=model.parameter_count,
        dtype=model.dtype,
        device=model.device,
        conditioning=_CONDITIONINGS[model.conditioning],
        labels=model.labels,
        guidance=_GUIDANCES[model.guidance],
        default_truncation=model.default_truncation,
        loras=model.loras,
        score_methods=[_SCORE_METHOD_NUMBERS[method] for method in model.score_methods],
    )

"""Image messages."""

from typing import Any

from quadrille.image.v1 import image_pb2 as pb

from quadrille_client.convert.enums import value, word
from quadrille_client.types import image as types

Event = types.Queued | types.Progress | types.Preview | types.ImageResult | types.ImagesFinished


def parameters(options: types.Diffusion) -> pb.DiffusionParameters:
    """Diffusion options; raises TypeError for an unknown one, so that no option is dropped silently."""
    given: dict[str, Any] = dict(options)
    if unknown := set(given) - set(types.Diffusion.__annotations__):
        raise TypeError(f"unknown image options: {', '.join(sorted(unknown))}")
    given["sampler"] = value(pb.Sampler, given.get("sampler"), "sampler")
    given["format"] = value(pb.ImageFormat, given.get("format"), "format")
    given["loras"] = [pb.Lora(name=name, scale=scale) for name, scale in given.get("loras", {}).items()]
    return pb.DiffusionParameters(**given)


def point(place: types.LatentPoint) -> pb.LatentPoint:
    """An end of an interpolation; raises ValueError unless exactly one place is given."""
    if sum(item is not None for item in (place.seed, place.image, place.latent)) != 1:
        raise ValueError("a latent point is exactly one of seed, image and latent")
    if place.seed is not None:
        return pb.LatentPoint(seed=place.seed, prompt=place.prompt)
    if place.image is not None:
        return pb.LatentPoint(image=pb.Image(data=place.image), prompt=place.prompt)
    assert place.latent is not None
    return pb.LatentPoint(latent=tensor_to_pb(place.latent), prompt=place.prompt)


def tensor_to_pb(tensor: types.Tensor) -> pb.Tensor:
    """A tensor for a request."""
    return pb.Tensor(shape=tensor.shape, data=tensor.data)


def tensor(message: pb.Tensor) -> types.Tensor:
    """A tensor of a response."""
    return types.Tensor(tuple(message.shape), message.data)


def picture(message: pb.Image) -> types.Picture:
    """A picture."""
    return types.Picture(message.data, word(pb.ImageFormat, message.format), message.width, message.height)


def event(message: pb.GenerateResponse | pb.EditResponse | pb.InterpolateResponse) -> Event | None:
    """One event of a run; None for a kind newer than this client."""
    kind = message.WhichOneof("event")
    if kind == "queued":
        return types.Queued(message.queued.request_id, message.queued.model, message.queued.queue_position)
    if kind == "progress":
        return types.Progress(message.progress.step, message.progress.step_count)
    if kind == "preview":
        return types.Preview(message.preview.index, message.preview.step, picture(message.preview.image))
    if kind == "image":
        image = message.image
        judged = safety(image.safety) if image.HasField("safety") else None
        return types.ImageResult(image.index, picture(image.image), image.seed, judged)
    if kind == "finished":
        finished = message.finished
        return types.ImagesFinished(
            finished.image_count, finished.image_step_count, timings(finished.timings)
        )
    return None


def safety(message: pb.Safety) -> types.Safety:
    """A safety filter's verdict."""
    return types.Safety(
        tuple(types.SafetyFlag(flag.category, flag.score) for flag in message.flags), message.withheld
    )


def timings(message: pb.Timings) -> types.ImageTimings:
    """Times of phases."""
    energy = message.energy_joules if message.HasField("energy_joules") else None
    return types.ImageTimings(
        message.queue_ms,
        message.encode_ms,
        message.denoise_ms,
        message.decode_ms,
        message.device_ms,
        energy,
        message.device_share_ms,
        message.batch_occupancy if message.HasField("batch_occupancy") else None,
    )


def bound(message: pb.LikelihoodBound) -> types.LikelihoodBound:
    """A likelihood bound."""
    return types.LikelihoodBound(
        message.elbo,
        message.bits_per_dimension,
        message.reconstruction,
        message.kl_divergence,
        message.standard_error,
        message.dimension_count,
    )


def model(message: pb.Model) -> types.ImageModel:
    """A loaded model."""
    return types.ImageModel(
        id=message.id,
        architecture=message.architecture,
        capabilities=tuple(word(pb.Capability, item) for item in message.capabilities),
        samplers=tuple(word(pb.Sampler, item) for item in message.samplers),
        default_width=message.default_width,
        default_height=message.default_height,
        max_size=message.max_size,
        size_granularity=message.size_granularity,
        default_steps=message.default_steps,
        default_guidance_scale=message.default_guidance_scale,
        latent_shape=tuple(message.latent_shape),
        parameter_count=message.parameter_count,
        dtype=message.dtype,
        device=message.device,
        conditioning=word(pb.Conditioning, message.conditioning),
        labels=tuple(message.labels),
        guidance=word(pb.Guidance, message.guidance),
        default_truncation=message.default_truncation if message.HasField("default_truncation") else None,
        loras=tuple(message.loras),
        score_methods=tuple(word(pb.ScoreMethod, item) for item in message.score_methods),
    )

"""Calls of the image service."""

from collections.abc import Sequence
from typing import Unpack

from quadrille.image.v1 import image_pb2 as pb
from quadrille.image.v1 import image_pb2_grpc
from quadrille_client._sync.loras import ImageLoras
from quadrille_client._sync.streams import ImageStream
from quadrille_client._sync.transport import Transport
from quadrille_client.convert import image as convert
from quadrille_client.convert.enums import value
from quadrille_client.types import image as types


class Images:
    """Images: `client.images`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.loras = ImageLoras(transport)

    def stream_generate(
        self, prompt: str, *, model: str = "", priority: int | None = None, **options: Unpack[types.Diffusion]
    ) -> ImageStream:
        """Make images from a prompt, event by event."""
        request = pb.GenerateRequest(
            model=model, prompt=prompt, parameters=convert.parameters(options), priority=priority
        )
        return ImageStream(self._transport, self._image.Generate, request)

    def generate(
        self, prompt: str, *, model: str = "", priority: int | None = None, **options: Unpack[types.Diffusion]
    ) -> tuple[types.ImageResult, ...]:
        """Make images from a prompt."""
        return self.stream_generate(prompt, model=model, priority=priority, **options).collect()

    def stream_edit(
        self,
        prompt: str,
        init_image: bytes,
        *,
        mask: bytes | None = None,
        mask_channel: types.MaskChannel | None = None,
        strength: float | None = None,
        model: str = "",
        priority: int | None = None,
        **options: Unpack[types.Diffusion],
    ) -> ImageStream:
        """Make images from an image file's bytes, event by event; see `edit` for masks."""
        request = pb.EditRequest(
            model=model,
            prompt=prompt,
            parameters=convert.parameters(options),
            init_image=pb.Image(data=init_image),
            mask=None if mask is None else pb.Image(data=mask),
            mask_channel=value(pb.MaskChannel, mask_channel, "mask_channel"),
            strength=strength,
            priority=priority,
        )
        return ImageStream(self._transport, self._image.Edit, request)

    def edit(
        self,
        prompt: str,
        init_image: bytes,
        *,
        mask: bytes | None = None,
        mask_channel: types.MaskChannel | None = None,
        strength: float | None = None,
        model: str = "",
        priority: int | None = None,
        **options: Unpack[types.Diffusion],
    ) -> tuple[types.ImageResult, ...]:
        """Make images from an image file's bytes; white of the mask may change, or what is transparent ("alpha")."""
        stream = self.stream_edit(
            prompt,
            init_image,
            mask=mask,
            mask_channel=mask_channel,
            strength=strength,
            model=model,
            priority=priority,
            **options,
        )
        return stream.collect()

    def stream_interpolate(
        self,
        start: types.LatentPoint,
        end: types.LatentPoint,
        *,
        frame_count: int | None = None,
        method: str | None = None,
        model: str = "",
        **options: Unpack[types.Diffusion],
    ) -> ImageStream:
        """Walk between two points of the latent space, event by event; `method` is "slerp" or "linear"."""
        request = pb.InterpolateRequest(
            model=model,
            start=convert.point(start),
            end=convert.point(end),
            frame_count=frame_count,
            method=value(pb.InterpolationMethod, method, "method"),
            parameters=convert.parameters(options),
        )
        return ImageStream(self._transport, self._image.Interpolate, request)

    def interpolate(
        self,
        start: types.LatentPoint,
        end: types.LatentPoint,
        *,
        frame_count: int | None = None,
        method: str | None = None,
        model: str = "",
        **options: Unpack[types.Diffusion],
    ) -> tuple[types.ImageResult, ...]:
        """Frames between two points of the latent space; `method` is "slerp" or "linear"."""
        stream = self.stream_interpolate(
            start, end, frame_count=frame_count, method=method, model=model, **options
        )
        return stream.collect()

    def encode(
        self, images: Sequence[bytes], *, model: str = "", seed: int | None = None
    ) -> tuple[types.Tensor, ...]:
        """Latents of image files."""
        request = pb.EncodeRequest(model=model, images=[pb.Image(data=item) for item in images], seed=seed)
        response = self._transport.unary(self._image.Encode, request)
        return tuple(convert.tensor(item) for item in response.latents)

    def decode(
        self, latents: Sequence[types.Tensor], *, model: str = "", format: str | None = None
    ) -> tuple[types.Picture, ...]:
        """Images of latents."""
        request = pb.DecodeRequest(
            model=model,
            latents=[convert.tensor_to_pb(item) for item in latents],
            format=value(pb.ImageFormat, format, "format"),
        )
        response = self._transport.unary(self._image.Decode, request)
        return tuple(convert.picture(item) for item in response.images)

    def score(
        self,
        images: Sequence[bytes],
        *,
        model: str = "",
        samples: int | None = None,
        seed: int | None = None,
        method: types.ScoreMethod | None = None,
        prompt: str = "",
        steps: int | None = None,
    ) -> tuple[types.LikelihoodBound, ...]:
        """Bounds on the likelihood of image files; `prompt` and `steps` only by "probability_flow"."""
        request = pb.ScoreRequest(
            model=model,
            images=[pb.Image(data=item) for item in images],
            samples=samples,
            seed=seed,
            method=value(pb.ScoreMethod, method, "method"),
            prompt=prompt,
            steps=steps,
        )
        response = self._transport.unary(self._image.Score, request)
        return tuple(convert.bound(item) for item in response.bounds)

    def models(self) -> tuple[types.ImageModel, ...]:
        """The loaded image models, the default first."""
        response = self._transport.unary(self._image.ListModels, pb.ListModelsRequest())
        return tuple(convert.model(item) for item in response.models)

    @property
    def _image(self) -> "image_pb2_grpc.ImageServiceStub":
        return image_pb2_grpc.ImageServiceStub(self._transport.channel)

"""What a running request tells: one queued event, progress, previews and images, one finished event."""

from dataclasses import dataclass

from imagegen.domain import Bound, ImageFormat, Latent, Pixels


@dataclass(frozen=True, slots=True)
class Timings:
    """Where a request's time went, ms; the phases do not overlap.

    `device_ms` is the time of the passes that it took part in, `device_share_ms` its rows' part of it, and
    `batch_occupancy` how full, above 0 and at most 1, those passes were that it could share, None without any.
    `energy_joules` is its part as well, None where some is not known.
    """

    queue_ms: float = 0.0
    encode_ms: float = 0.0
    denoise_ms: float = 0.0
    decode_ms: float = 0.0
    device_ms: float = 0.0
    device_share_ms: float = 0.0
    batch_occupancy: float | None = None
    energy_joules: float | None = None


@dataclass(frozen=True, slots=True)
class Queued:
    """The request was admitted, with `queue_position` others ahead of it."""

    request_id: str
    model: str
    queue_position: int


@dataclass(frozen=True, slots=True)
class Progress:
    """`step` of `step_count` steps are done."""

    step: int
    step_count: int


@dataclass(frozen=True, slots=True)
class RawPreview:
    """An early look at image `index`, at the latent's resolution, not yet a file."""

    index: int
    step: int
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class SafetyFlag:
    """Something that the safety filter found, and by how much it passed the filter's threshold."""

    category: str
    score: float


@dataclass(frozen=True, slots=True)
class Safety:
    """What the safety filter found in an image, the highest score first, and whether the image is withheld."""

    flags: tuple[SafetyFlag, ...]
    withheld: bool


@dataclass(frozen=True, slots=True)
class RawImage:
    """Finished image `index`, not yet a file; `seed` made it. `safety` is None where no filter looked at it."""

    index: int
    pixels: Pixels
    seed: int
    safety: Safety | None = None


@dataclass(frozen=True, slots=True)
class RawLatent:
    """The latent of input image `index`."""

    index: int
    latent: Latent


@dataclass(frozen=True, slots=True)
class RawBound:
    """The likelihood bound of input image `index`."""

    index: int
    bound: Bound


@dataclass(frozen=True, slots=True)
class Done:
    """The device has finished with the request; nothing follows."""

    image_count: int
    image_step_count: int
    timings: Timings


# What the device thread posts.
DeviceEvent = Progress | RawPreview | RawImage | RawLatent | RawBound | Done


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An encoded picture; sizes in pixels."""

    data: bytes
    format: ImageFormat
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Preview:
    """A rendering of unfinished image `index` after `step` steps, a PNG."""

    index: int
    step: int
    image: ImageFile


@dataclass(frozen=True, slots=True)
class ImageResult:
    """Finished image `index`, without bytes if withheld, and the seed that made it (0 where no noise was drawn)."""

    index: int
    image: ImageFile
    seed: int
    safety: Safety | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """Last event of a stream; `image_step_count` is denoising steps times images."""

    image_count: int
    image_step_count: int
    timings: Timings


# What a stream yields to the caller.
StreamEvent = Queued | Progress | Preview | ImageResult | Finished

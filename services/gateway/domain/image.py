"""Image requests and events as the gateway sees them."""

from dataclasses import dataclass
from enum import StrEnum


class ImageFormat(StrEnum):
    """A file format."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"


@dataclass(frozen=True, slots=True)
class LoraChoice:
    """A loaded LoRA adapter and how strongly it acts; None leaves the image service's default."""

    name: str
    scale: float | None = None


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """Asks for images; None leaves the image service's default. Sizes are in pixels."""

    model: str
    prompt: str
    negative_prompt: str | None = None
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    seed: int | None = None
    count: int = 1
    format: ImageFormat = ImageFormat.PNG
    preview_every_steps: int = 0
    request_id: str = ""
    loras: tuple[LoraChoice, ...] = ()


@dataclass(frozen=True, slots=True)
class ImageEdit:
    """Asks for images that start from an image file; where there is a mask, only what is transparent in it changes."""

    asked: ImageRequest
    image: bytes
    mask: bytes | None = None
    strength: float | None = None


@dataclass(frozen=True, slots=True)
class ImagePreview:
    """An early look at image `index`, as a PNG."""

    index: int
    step: int
    data: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ImageResult:
    """A finished image, its file's bytes, none when it is withheld as unsafe, and the seed that made it."""

    index: int
    data: bytes
    width: int
    height: int
    seed: int
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class ImageFinished:
    """Last event of a generation."""

    image_count: int


ImageEvent = ImagePreview | ImageResult | ImageFinished


@dataclass(frozen=True, slots=True)
class ImageModel:
    """A loaded image model, whether it generates and edits, and its defaults."""

    id: str
    generates: bool
    edits: bool
    default_width: int
    default_height: int
    default_steps: int

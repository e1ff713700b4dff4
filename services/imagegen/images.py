"""Image files in and out: PNG, JPEG and WebP. Nothing is decoded before its header was checked."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from PIL import Image, PngImagePlugin
from serving.errors import InvalidInput

from imagegen.domain import ImageFormat, Mask, MaskChannel, Pixels
from imagegen.events import ImageFile

_READABLE = ("PNG", "JPEG", "WEBP")
_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}
_MASK_THRESHOLD = 128


def probe(data: bytes, field: str, max_bytes: int) -> tuple[int, int]:
    """Width and height from an image file's header, without decoding it. Raises InvalidInput."""
    if not data:
        raise InvalidInput(f"{field}.data", "must not be empty")
    if len(data) > max_bytes:
        raise InvalidInput(f"{field}.data", f"must be at most {max_bytes} bytes, not {len(data)}")
    with _opened(data, field) as image:
        if getattr(image, "n_frames", 1) != 1:
            raise InvalidInput(f"{field}.data", "must be a single image, not an animation")
        if image.mode not in _MODES:
            raise InvalidInput(f"{field}.data", f"must have 8 bits a channel, not mode {image.mode}")
        return image.size


def read_rgb(data: bytes, field: str) -> Pixels:
    """Decode a probed file to RGB; transparency is dropped. Raises InvalidInput."""
    with _opened(data, field) as image:
        return np.asarray(image.convert("RGB"), dtype=np.uint8)


def read_mask(data: bytes, field: str, channel: MaskChannel = MaskChannel.LUMINANCE) -> Mask:
    """Decode a probed file to a mask [H, W], True where nearer white than black, or rather transparent than opaque.

    Raises InvalidInput, also for a file without transparency when that is what tells.
    """
    with _opened(data, field) as image:
        if channel is MaskChannel.LUMINANCE:
            return np.asarray(image.convert("L"), dtype=np.uint8) >= _MASK_THRESHOLD
        if not image.has_transparency_data:
            raise InvalidInput(f"{field}.data", "must have an alpha channel, transparent where it may change")
        return np.asarray(image.convert("RGBA").getchannel("A"), dtype=np.uint8) < _MASK_THRESHOLD


def write(pixels: Pixels, file_format: ImageFormat, text: Mapping[str, str] | None = None) -> ImageFile:
    """Encode an image [H, W, 3]. `text` goes into a PNG's text chunks; other formats carry none."""
    image = Image.fromarray(pixels)
    buffer = io.BytesIO()
    if file_format is ImageFormat.JPEG:
        image.save(buffer, "JPEG", quality=90)
    elif file_format is ImageFormat.WEBP:
        image.save(buffer, "WEBP", lossless=True)
    else:
        info = PngImagePlugin.PngInfo()
        for key, value in (text or {}).items():
            # Latin-1 becomes tEXt, anything else iTXt.
            info.add_text(key, value)
        image.save(buffer, "PNG", pnginfo=info)
    return ImageFile(buffer.getvalue(), file_format, image.width, image.height)


@contextmanager
def _opened(data: bytes, field: str) -> Iterator[Image.Image]:
    """A lazily opened file; whatever the decoder raises on hostile bytes becomes InvalidInput."""
    try:
        with Image.open(io.BytesIO(data), formats=_READABLE) as image:
            yield image
    except InvalidInput:
        raise
    except Exception as error:
        # Pillow's decoders raise SyntaxError, struct.error, ZeroDivisionError and more on damaged files.
        raise InvalidInput(f"{field}.data", "is not a readable PNG, JPEG or WebP image") from error

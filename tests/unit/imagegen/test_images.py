import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imagegen.domain import ImageFormat, MaskChannel
from imagegen.images import probe, read_mask, read_rgb, write
from PIL import Image
from serving.errors import InvalidInput

MB = 1024 * 1024
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 10, 3), dtype=np.uint8)


def encode(image: Image.Image, file_format: str, **more: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **more)  # type: ignore[arg-type]
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    data = b"IDAT" + zlib.compress(b"\0" * 1000)
    return (
        b"\x89PNG\r\n\x1a\n"
        + header
        + struct.pack(">I", len(data) - 4)
        + data
        + struct.pack(">I", zlib.crc32(data))
    )


@pytest.mark.parametrize("file_format", [ImageFormat.PNG, ImageFormat.WEBP])
def test_lossless_formats_come_back_equal(file_format: ImageFormat) -> None:
    file = write(PIXELS, file_format)
    assert (file.width, file.height, file.format) == (10, 6, file_format)
    assert probe(file.data, "image", MB) == (10, 6)
    assert np.array_equal(read_rgb(file.data, "image"), PIXELS)


def test_jpeg_is_a_jpeg() -> None:
    data = write(PIXELS, ImageFormat.JPEG).data
    assert Image.open(io.BytesIO(data)).format == "JPEG"
    assert read_rgb(data, "image").shape == (6, 10, 3)


def test_png_carries_text_of_any_script() -> None:
    data = write(PIXELS, ImageFormat.PNG, {"prompt": "ein Fuß, 狐", "seed": "7"}).data
    with Image.open(io.BytesIO(data)) as image:
        assert image.text == {"prompt": "ein Fuß, 狐", "seed": "7"}  # type: ignore[attr-defined]


def test_mask_is_true_where_white() -> None:
    mask = np.zeros((2, 2), dtype=np.uint8)
    mask[0, 1] = 255
    assert read_mask(encode(Image.fromarray(mask), "PNG"), "mask").tolist() == [[False, True], [False, False]]


def test_mask_is_true_where_transparent_when_alpha_tells() -> None:
    mask = np.full((2, 2, 4), 255, dtype=np.uint8)
    mask[0, 1, 3] = 0
    told = read_mask(encode(Image.fromarray(mask), "PNG"), "mask", MaskChannel.ALPHA)
    assert told.tolist() == [[False, True], [False, False]]


def test_mask_without_transparency_is_refused_when_alpha_tells() -> None:
    opaque = encode(Image.new("L", (2, 2), 255), "PNG")
    with pytest.raises(InvalidInput, match=r"mask\.data: must have an alpha channel"):
        read_mask(opaque, "mask", MaskChannel.ALPHA)


@pytest.mark.parametrize("size", [(100_000, 10_000), (2**31 - 1, 2**31 - 1)])
def test_bomb_is_measured_or_refused_but_never_decoded(size: tuple[int, int]) -> None:
    try:
        assert probe(png_header(*size), "image", MB) == size
    except InvalidInput as error:
        assert error.field == "image.data"


def test_truncated_file_is_refused_when_decoded() -> None:
    data = write(PIXELS, ImageFormat.PNG).data[:-40]
    with pytest.raises(InvalidInput, match=r"init_image\.data"):
        read_rgb(data, "init_image")


def test_animation_gif_and_deep_images_are_refused() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    animation = encode(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    gif = encode(frames[0], "GIF")
    deep = encode(Image.fromarray(np.full((4, 4), 40_000, dtype=np.uint16)), "PNG")
    for data in (animation, gif, deep, b"", b"not an image"):
        with pytest.raises(InvalidInput, match=r"image\.data"):
            probe(data, "image", MB)


def test_large_file_is_refused_by_its_bytes() -> None:
    with pytest.raises(InvalidInput, match="1000 bytes"):
        probe(b"\0" * 1001, "image", 1000)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
def test_other_modes_become_rgb(mode: str) -> None:
    data = encode(Image.fromarray(PIXELS).convert(mode), "JPEG" if mode == "CMYK" else "PNG")
    assert read_rgb(data, "image").shape == (6, 10, 3)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(ImageFormat)), st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
def test_damaged_files_raise_nothing_but_invalid_input(
    file_format: ImageFormat, place: int, noise: bytes
) -> None:
    data = bytearray(write(PIXELS, file_format).data)
    place %= len(data)
    data[place : place + len(noise)] = noise
    try:
        width, height = probe(bytes(data), "image", MB)
        if width * height < 10_000:
            read_rgb(bytes(data), "image")
    except InvalidInput as error:
        assert error.field == "image.data"

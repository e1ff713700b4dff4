"""Files of finished images, with what they say of their making; signed last, since a later change would break it."""

from collections.abc import Mapping

from imagegen.domain import ImageFormat
from imagegen.events import ImageFile, RawImage
from imagegen.images import write
from imagegen.provenance import describe, manifest
from imagegen.signing import ImageSigner
from imagegen.specs import DenoiseSpec, ImageStart


class ImageWriter:
    """Encodes images but those that are withheld, and signs them where there is a signer.

    `write` may be called from any thread; it takes milliseconds.
    """

    def __init__(self, signer: ImageSigner | None = None, versions: Mapping[str, str] | None = None) -> None:
        """`versions` has one a model id; it may be filled until the first image is written."""
        self._signer, self._versions = signer, {} if versions is None else versions

    def write(
        self, image: RawImage, file_format: ImageFormat, model: str, spec: DenoiseSpec | None = None
    ) -> ImageFile:
        """The file of an image that `model` made; by `spec`, unless it was only decoded."""
        if image.safety is not None and image.safety.withheld:
            height, width, _ = image.pixels.shape
            return ImageFile(b"", file_format, width, height)
        text = {} if spec is None else describe(spec, image.seed)
        file = write(image.pixels, file_format, text)
        if self._signer is None:
            return file
        edited = spec is not None and isinstance(spec.start, ImageStart)
        return self._signer.sign(file, manifest(model, self._versions.get(model, ""), text, edited=edited))

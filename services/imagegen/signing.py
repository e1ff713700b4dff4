"""Content credentials: a signed manifest in an image's file, by the C2PA's specification (https://c2pa.org).

Whatever changes the file afterwards breaks the signature. The extra `c2pa` brings the library.
"""

import io
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from imagegen.domain import ImageFormat
from imagegen.events import ImageFile
from imagegen.images import write
from imagegen.provenance import manifest

_TYPES = {
    ImageFormat.PNG: "image/png",
    ImageFormat.JPEG: "image/jpeg",
    ImageFormat.WEBP: "image/webp",
}
# No thumbnails, which can be larger than the image, and nothing that reaches into the network.
_SETTINGS = {
    "version": 1,
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}


class SigningError(Exception):
    """Images cannot be signed as configured; the message is one sentence that names the option."""


class ImageSigner:
    """Signs image files with one key. `sign` may be called from any thread."""

    def __init__(self, certificates: Path, key: Path, algorithm: str, timestamp_url: str | None) -> None:
        """`certificates` is a PEM chain, the signer's own first; `timestamp_url` names an RFC 3161 authority, if any.

        Raises SigningError when the library, the key or a certificate is missing or they do not fit each other.
        """
        try:
            import c2pa
        except ImportError as error:
            raise SigningError(
                "c2pa_certificates needs the extra c2pa: pip install quadrille[c2pa]"
            ) from error
        self._c2pa: Any = c2pa
        self._lock = threading.Lock()
        chain, secret = _read("c2pa_certificates", certificates), _read("c2pa_key", key)
        try:
            self._context = c2pa.Context(c2pa.Settings.from_dict(_SETTINGS))
            # A trial, which is verified as all signatures are; the authority is not asked for it.
            self._signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(algorithm, chain, secret, None))
            trial = write(np.zeros((1, 1, 3), np.uint8), ImageFormat.PNG)
            self.sign(trial, manifest("trial", "", {}, edited=False))
            self._signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(algorithm, chain, secret, timestamp_url))
        except c2pa.C2paError as error:
            raise SigningError(
                f"c2pa_key {str(key)!r} and c2pa_certificates {str(certificates)!r} cannot sign by {algorithm}: {error}"
            ) from error

    def sign(self, file: ImageFile, definition: Mapping[str, Any]) -> ImageFile:
        """The file with a manifest of this definition, signed. Raises c2pa's errors."""
        kind, signed = _TYPES[file.format], io.BytesIO()
        with self._lock, self._c2pa.Builder(dict(definition), self._context) as builder:
            builder.sign(self._signer, kind, io.BytesIO(file.data), signed)
        return replace(file, data=signed.getvalue())


def _read(option: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SigningError(f"{option} cannot be read: {error}") from error

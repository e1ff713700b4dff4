"""Files of images: verified by C2PA's own reader where they are signed."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest
from imagegen.domain import ImageFormat, Sampler
from imagegen.events import RawImage, Safety
from imagegen.signing import ImageSigner, SigningError
from imagegen.specs import DenoiseSpec, ImageStart, NoiseStart
from imagegen.testing.certificates import Credentials, issue
from imagegen.writing import ImageWriter
from PIL import Image

PICTURE = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
SPEC = DenoiseSpec(
    model="starter",
    prompt="a red dot, größer",
    negative_prompt="",
    width=32,
    height=24,
    steps=20,
    first_step=0,
    guidance_scale=3.0,
    sampler=Sampler.DDIM,
    seeds=(7,),
    preview_every_steps=0,
    format=ImageFormat.PNG,
    start=NoiseStart(),
)
TYPES = {ImageFormat.PNG: "image/png", ImageFormat.JPEG: "image/jpeg", ImageFormat.WEBP: "image/webp"}


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return issue(tmp_path_factory.mktemp("credentials"))


@pytest.fixture(scope="module")
def writer(credentials: Credentials) -> ImageWriter:
    signer = ImageSigner(credentials.certificates, credentials.key, "es256", None)
    return ImageWriter(signer, {"starter": "sha256:abc"})


def read(data: bytes, kind: str, anchor: str) -> tuple[str, dict[str, Any]]:
    """What the reader says of a file's validity, and its manifest."""
    settings = {"version": 1, "trust": {"trust_anchors": anchor}, "verify": {"verify_trust": True}}
    with (
        c2pa.Context(c2pa.Settings.from_dict(settings)) as context,
        c2pa.Reader(kind, io.BytesIO(data), context=context) as reader,
    ):
        found = json.loads(reader.json())
    return found["validation_state"], found["manifests"][found["active_manifest"]]


@pytest.mark.parametrize("file_format", ImageFormat)
def test_signed_files_are_trusted_and_tell_who_made_them(
    writer: ImageWriter, credentials: Credentials, file_format: ImageFormat
) -> None:
    file = writer.write(RawImage(0, PICTURE, 7), file_format, "starter", SPEC)
    state, manifest = read(file.data, TYPES[file_format], credentials.anchor)
    assert state == "Trusted"
    assert manifest["claim_generator_info"][0]["name"] == "Quadrille"
    (actions,) = (item["data"]["actions"] for item in manifest["assertions"] if "actions" in item["label"])
    (created,) = actions
    assert created["action"] == "c2pa.created"
    assert created["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert created["softwareAgent"] == {"name": "starter", "version": "sha256:abc"}
    assert created["parameters"] == {
        "prompt": "a red dot, größer",
        "seed": "7",
        "steps": "20",
        "guidance_scale": "3",
        "sampler": "ddim",
    }
    with Image.open(io.BytesIO(file.data)) as image:
        assert (image.size, file.width, file.height) == ((32, 24), 32, 24)
        assert file_format is ImageFormat.JPEG or np.array_equal(np.asarray(image), PICTURE)
        assert file_format is not ImageFormat.PNG or image.info["seed"] == "7"


def tampered(data: bytes, file_format: ImageFormat) -> bytes:
    """The file with other pixels, its manifest kept."""
    end = data.rfind(b"IEND") if file_format is ImageFormat.PNG else len(data)
    place = end - 40 if file_format is ImageFormat.PNG else data.rfind(b"VP8L") + 40
    if file_format is ImageFormat.JPEG:
        place = end - 40
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize("file_format", ImageFormat)
def test_tampering_and_strangers_are_found(
    writer: ImageWriter, credentials: Credentials, file_format: ImageFormat, tmp_path: Path
) -> None:
    file = writer.write(RawImage(0, PICTURE, 7), file_format, "starter", SPEC)
    state, _ = read(tampered(file.data, file_format), TYPES[file_format], credentials.anchor)
    assert state == "Invalid"
    state, _ = read(file.data, TYPES[file_format], issue(tmp_path).anchor)
    assert state != "Trusted"


def test_edits_are_composites_and_what_is_only_decoded_has_no_parameters(
    writer: ImageWriter, credentials: Credentials
) -> None:
    edit = replace(SPEC, start=ImageStart(PICTURE, None))
    for spec, source in ((edit, "compositeWithTrainedAlgorithmicMedia"), (None, "trainedAlgorithmicMedia")):
        file = writer.write(RawImage(0, PICTURE, 7), ImageFormat.PNG, "starter", spec)
        _, manifest = read(file.data, "image/png", credentials.anchor)
        created = manifest["assertions"][0]["data"]["actions"][0]
        assert created["digitalSourceType"].rpartition("/")[2] == source
        assert ("seed" in created.get("parameters", {})) == (spec is not None)


def test_without_a_signer_files_are_as_they_were() -> None:
    file = ImageWriter().write(RawImage(0, PICTURE, 7), ImageFormat.PNG, "starter", SPEC)
    with Image.open(io.BytesIO(file.data)) as image:
        assert image.info["prompt"] == "a red dot, größer"
    assert b"c2pa" not in file.data


def test_a_withheld_image_has_no_bytes(writer: ImageWriter) -> None:
    withheld = RawImage(0, PICTURE, 7, Safety((), withheld=True))
    file = writer.write(withheld, ImageFormat.PNG, "starter", SPEC)
    assert (file.data, file.width, file.height) == (b"", 32, 24)


def test_what_cannot_sign_is_named(credentials: Credentials, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    (tmp_path / "other").mkdir()
    other = issue(tmp_path / "other")
    for certificates, key, algorithm, message in (
        (tmp_path / "none.pem", credentials.key, "es256", "c2pa_certificates cannot be read"),
        (credentials.certificates, tmp_path, "es256", "c2pa_key cannot be read"),
        (credentials.certificates, tmp_path / "empty.pem", "es256", "cannot sign by es256"),
        (tmp_path / "empty.pem", credentials.key, "es256", "cannot sign by es256"),
        (credentials.certificates, credentials.key, "ps256", "cannot sign by ps256"),
        (credentials.certificates, other.key, "es256", "cannot sign by es256"),
    ):
        with pytest.raises(SigningError, match=message):
            ImageSigner(certificates, key, algorithm, None)


def test_without_the_extra_the_message_says_which(
    credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "c2pa", None)
    with pytest.raises(SigningError, match=r"quadrille\[c2pa\]"):
        ImageSigner(credentials.certificates, credentials.key, "es256", None)

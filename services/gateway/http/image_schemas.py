"""Bodies of requests for images, as OpenAI has them and beyond."""

import json
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from gateway.http.schemas import Body, Exact, Finite, Int32, Seed, Text, Whole


class Lora(Exact):
    """A loaded LoRA adapter, and how strongly it acts."""

    name: Text
    scale: Finite | None = None


class ImageOptions(Body):
    """What generations and edits share."""

    prompt: Text
    n: Whole | None = Field(None, ge=1, le=16)
    size: str = Field("auto", pattern=r"^(auto|\d{1,5}x\d{1,5})$")
    response_format: Literal["b64_json", None] = None
    output_format: Literal["png", "jpeg", "webp"] = "png"
    quality: Literal["auto", "standard", None] = None
    background: Literal["auto", "opaque", None] = None
    moderation: Literal["auto", "low", None] = None
    stream: bool = False
    partial_images: Whole = Field(0, ge=0, le=3)
    # Beyond OpenAI's.
    negative_prompt: Text | None = None
    steps: Int32 | None = None
    guidance_scale: Finite | None = None
    seed: Seed | None = None
    loras: list[Lora] = Field([], max_length=8)


class ImageBody(ImageOptions):
    """POST /v1/images/generations."""


def _from_json(value: Any) -> Any:
    """What a form's text field spells; text that is no JSON is left to be refused."""
    try:
        return json.loads(value)
    except (TypeError, ValueError, RecursionError):
        return value


class EditForm(ImageOptions):
    """POST /v1/images/edits, besides its files. Forms have no lists: adapters are spelled as JSON."""

    size: Literal["auto"] = "auto"  # an edit has its image's size
    # Beyond OpenAI's.
    strength: Finite | None = None
    loras: Annotated[
        list[Lora],
        BeforeValidator(_from_json),
        WithJsonSchema({"type": "string", "description": 'JSON, e.g. [{"name": "dots", "scale": 0.5}]'}),
    ] = Field([], max_length=8)

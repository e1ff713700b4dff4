"""How models are loaded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from pydantic import BaseModel, Field

from imagegen.validation import MAX_GUIDANCE_SCALE

_CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to load; sizes in pixels, `score_sigma` on the [-1, 1] pixel scale."""

    dtype: torch.dtype = torch.float32
    device: torch.device = _CPU
    max_size: int = 1024
    default_steps: int = 20
    default_guidance_scale: float = 7.5
    score_sigma: float = 0.1


class GenerationDefaults(BaseModel):
    """What a model's directory, but no hub name, may say in `generation_config.json`; it goes before the options'.

    `max_sequence_length` counts the tokens of a third text encoder, or the zeros in its place.
    """

    guidance_scale: Annotated[float, Field(ge=0, le=MAX_GUIDANCE_SCALE)] | None = None
    num_inference_steps: Annotated[int, Field(ge=1)] | None = None
    max_sequence_length: Annotated[int, Field(ge=1, le=512)] | None = None


def read_defaults(reference: str) -> GenerationDefaults:
    """The defaults that a directory names; none where it names none. Raises ValueError for wrong ones."""
    path = Path(reference) / "generation_config.json"
    return GenerationDefaults.model_validate_json(path.read_bytes() if path.is_file() else b"{}")

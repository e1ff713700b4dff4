"""Latents to images, in as many parts as the device's memory makes necessary."""

import torch

from imagegen.domain import Pixels
from imagegen.models.base import LatentModel
from imagegen.models.passes import Passes
from imagegen.pixels import to_images


def decode(model: LatentModel, latents: torch.Tensor, passes: Passes) -> list[Pixels]:
    """The images of latents [n, c, h, w]; by halves when memory is out, OutOfMemoryError when one is too much."""
    try:
        return to_images(passes.decode(model, latents))
    except torch.OutOfMemoryError:
        if len(latents) == 1:
            raise
    # Not in the handler: there the failed call's tensors are still alive.
    middle = len(latents) // 2
    return decode(model, latents[:middle], passes) + decode(model, latents[middle:], passes)

"""Between uint8 images and the tensors that models take."""

from collections.abc import Sequence

import numpy as np
import torch

from imagegen.domain import Pixels


def to_tensor(images: Sequence[Pixels]) -> torch.Tensor:
    """Float32 [n, 3, H, W] in [-1, 1] of n images [H, W, 3] of the same size."""
    stacked = torch.from_numpy(np.stack(images))
    return stacked.permute(0, 3, 1, 2).float() / 127.5 - 1.0


def to_images(pixels: torch.Tensor) -> list[Pixels]:
    """Images uint8 [H, W, 3] of pixels [n, 3, H, W] in [-1, 1], rounded to the nearest level."""
    levels = ((pixels.float() + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)
    array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = levels.permute(0, 2, 3, 1).cpu().numpy()
    return list(array)

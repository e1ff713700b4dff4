import copy

import numpy as np
import pytest
import torch
from imagegen.decoding import decode
from imagegen.models.passes import Passes
from imagegen.models.vae import VaeModel


class SmallMemory(VaeModel):
    """The tiny autoencoder on a device that decodes few images at once."""

    most = 2

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        if len(latents) > self.most:
            raise torch.OutOfMemoryError("out of memory")
        return super().decode(latents)


def test_what_does_not_fit_is_decoded_by_halves(vae: VaeModel) -> None:
    latents = torch.randn(5, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    small = copy.copy(vae)
    small.__class__ = SmallMemory
    with torch.inference_mode():
        whole, parts = decode(vae, latents, Passes()), decode(small, latents, Passes())
        assert len(parts) == 5
        assert max(int(np.abs(a.astype(int) - b).max()) for a, b in zip(whole, parts, strict=True)) <= 1
        small.most = 0  # type: ignore[attr-defined]
        with pytest.raises(torch.OutOfMemoryError):
            decode(small, latents, Passes())

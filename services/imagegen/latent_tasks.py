"""Tasks that denoise nothing: encode, decode, score, latent walks. Between chunks others get turns."""

from collections.abc import Sequence

import numpy as np
import torch

from imagegen.decoding import decode
from imagegen.domain import Bound, InterpolationMethod, Latent, Pixels
from imagegen.events import DeviceEvent, Progress, RawBound, RawImage, RawLatent
from imagegen.likelihood import bits_per_dimension, mean_and_error
from imagegen.models.base import LatentModel
from imagegen.models.passes import Passes
from imagegen.noise import path
from imagegen.pixels import to_tensor
from imagegen.scheduler import Stage, StageKey
from imagegen.tasks import Phase, chunk_count, rows_per_chunk


class _SingleStageTask:
    """A task of one stage whose steps are chunks."""

    phase: Phase = "encode"
    image_count = 0
    image_step_count = 0

    def __init__(self, owner: int, model: LatentModel, steps: int, passes: Passes | None = None) -> None:
        """Rows pass through the model as `passes` says, by default as they come."""
        self._model = model
        self._passes = passes or Passes()
        self.stage = Stage(StageKey(model.description.id, owner=owner), 1, steps)

    def begin(self) -> None:
        """Nothing to prepare."""

    def next_stage(self) -> Stage | None:
        """There is one stage."""
        return None


class EncodeTask(_SingleStageTask):
    """Latents of images; with a seed, drawn from the posterior, image i with seed i of `seeds`."""

    def __init__(
        self,
        owner: int,
        model: LatentModel,
        images: Sequence[Pixels],
        seeds: Sequence[int] | None,
        passes: Passes | None = None,
    ) -> None:
        self._images, self._seeds = images, seeds
        height, width, _ = images[0].shape
        self._size = rows_per_chunk(height * width)
        super().__init__(owner, model, chunk_count(len(images), height * width), passes)

    def run(self, step: int) -> list[DeviceEvent]:
        """Encode chunk `step`."""
        chunk = slice(step * self._size, (step + 1) * self._size)
        seeds = None if self._seeds is None else self._seeds[chunk]
        latents = (
            self._passes.encode(self._model, to_tensor(self._images[chunk]), seeds).float().cpu().numpy()
        )
        return [RawLatent(chunk.start + row, latent) for row, latent in enumerate(latents)]


class DecodeTask(_SingleStageTask):
    """Images of latents."""

    phase: Phase = "decode"

    def __init__(
        self, owner: int, model: LatentModel, latents: Sequence[Latent], passes: Passes | None = None
    ) -> None:
        self._latents = torch.from_numpy(np.stack(latents))
        self.image_count = len(latents)
        pixels = latents[0].shape[1] * latents[0].shape[2] * model.cell_size**2
        self._size = rows_per_chunk(pixels)
        super().__init__(owner, model, chunk_count(len(latents), pixels), passes)

    def run(self, step: int) -> list[DeviceEvent]:
        """Decode chunk `step`."""
        first = step * self._size
        images = decode(self._model, self._latents[first : first + self._size], self._passes)
        return [RawImage(first + row, image, 0) for row, image in enumerate(images)]


class WalkTask(_SingleStageTask):
    """Frames between two latents, or the latents of two images; a chunk of frames is a step."""

    phase: Phase = "decode"

    def __init__(
        self,
        owner: int,
        model: LatentModel,
        ends: tuple[Pixels | Latent, Pixels | Latent],
        shape: tuple[int, int],
        frames: int,
        method: InterpolationMethod,
        passes: Passes | None = None,
    ) -> None:
        """`shape` is (height, width) in pixels of both ends."""
        self._ends, self._method, self.image_count = ends, method, frames
        self._size = rows_per_chunk(shape[0] * shape[1])
        super().__init__(owner, model, chunk_count(frames, shape[0] * shape[1]), passes)

    def begin(self) -> None:
        """Encode the ends that are images and lay the path."""
        start, end = (self._latent(point) for point in self._ends)
        self._points = path(start, end, self.image_count, self._method)

    def run(self, step: int) -> list[DeviceEvent]:
        """Decode chunk `step` of the frames."""
        first = step * self._size
        images = decode(self._model, self._points[first : first + self._size], self._passes)
        frames = [RawImage(first + row, image, 0) for row, image in enumerate(images)]
        return [Progress(step + 1, self.stage.steps), *frames]

    def _latent(self, point: Pixels | Latent) -> torch.Tensor:
        if point.dtype == np.uint8:
            return self._model.encode(to_tensor([point.astype(np.uint8)]))[0]
        return torch.from_numpy(point.astype(np.float32)).to(self._model.device)


class ScoreTask(_SingleStageTask):
    """Likelihood bounds; each image's draws come from its own generator, so its bound is its own."""

    phase: Phase = "decode"

    def __init__(
        self, owner: int, model: LatentModel, images: Sequence[Pixels], samples: int, seed: int
    ) -> None:
        self._images, self._samples, self._seed = images, samples, seed
        height, width, _ = images[0].shape
        self._size = rows_per_chunk(height * width)
        self._chunks = chunk_count(samples, height * width)
        self._terms: list[float] = []
        super().__init__(owner, model, len(images) * self._chunks)

    def run(self, step: int) -> list[DeviceEvent]:
        """Score one chunk of one image's draws."""
        index, chunk = divmod(step, self._chunks)
        if chunk == 0:
            self._generator = torch.Generator().manual_seed(self._seed)
            self._terms = []
        draws = min(self._size, self._samples - chunk * self._size)
        terms = self._model.elbo_terms(to_tensor([self._images[index]]), draws, self._generator)
        self._terms += terms.reconstruction.tolist()
        if chunk < self._chunks - 1:
            return []
        return [RawBound(index, self._bound(terms.kl_divergence, self._images[index].size))]

    def _bound(self, kl_divergence: float, dimensions: int) -> Bound:
        reconstruction, error = mean_and_error(self._terms)
        elbo = reconstruction - kl_divergence
        return Bound(
            elbo, bits_per_dimension(elbo, dimensions), reconstruction, kl_divergence, error, dimensions
        )

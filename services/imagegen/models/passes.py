"""How rows are put into passes through a model: as they come, or in a fixed number (strict mode).

Kernels are chosen by a batch's size, so that the number of rows in a pass changes results in the last bits. With
that number fixed a row's neighbours no longer matter; whether its place does is tried out once for every shape.
"""

from collections.abc import Hashable, Sequence

import structlog
import torch

from imagegen.models.base import Condition, DiffusionModel, LatentModel, ModelInput
from imagegen.models.lora import current_loras

log = structlog.get_logger(__name__)


class Passes:
    """Rows pass together, as many as there are."""

    def predict(self, model: DiffusionModel, rows: ModelInput) -> torch.Tensor:
        """The model's prediction, float32 [n, c, h, w]."""
        return model.predict(rows)

    def encode(
        self, model: LatentModel, pixels: torch.Tensor, seeds: Sequence[int] | None = None
    ) -> torch.Tensor:
        """Latents [n, c, h, w] of pixels [n, 3, H, W]."""
        return model.encode(pixels, seeds)

    def decode(self, model: LatentModel, latents: torch.Tensor) -> torch.Tensor:
        """Pixels [n, 3, H, W] of latents [n, c, h, w]."""
        return model.decode(latents)


class FixedPasses(Passes):
    """Exactly `rows` rows a pass, the last one padded; a single row where images are encoded or decoded.

    A row's result is the same to the bit in any company. Where a row's place in a pass would change it (such
    kernels exist), rows of that model and shape pass alone.
    """

    def __init__(self, rows: int) -> None:
        """`rows`, at least 1, is part of what an image depends on, as its seed is."""
        self._rows = rows
        self._rows_of: dict[tuple[Hashable, ...], int] = {}

    def predict(self, model: DiffusionModel, rows: ModelInput) -> torch.Tensor:
        """The model's prediction, float32 [n, c, h, w]."""
        size = self._size(model, rows)
        passes = [model.predict(_fill(rows, first, size)) for first in range(0, len(rows.latents), size)]
        return torch.cat(passes)[: len(rows.latents)]

    def encode(
        self, model: LatentModel, pixels: torch.Tensor, seeds: Sequence[int] | None = None
    ) -> torch.Tensor:
        """Latents [n, c, h, w] of pixels [n, 3, H, W]."""
        alone = [None] * len(pixels) if seeds is None else [[seed] for seed in seeds]
        each = zip(torch.split(pixels, 1), alone, strict=True)
        return torch.cat([model.encode(_fresh(image), seed) for image, seed in each])

    def decode(self, model: LatentModel, latents: torch.Tensor) -> torch.Tensor:
        """Pixels [n, 3, H, W] of latents [n, c, h, w]."""
        return torch.cat([model.decode(_fresh(row)) for row in torch.split(latents, 1)])

    def _size(self, model: DiffusionModel, rows: ModelInput) -> int:
        """Rows of a pass for the shape of `rows`, under the adapters at hand, at whatever scale."""
        shape = rows.latents.shape[1:]
        key = (model.description.id, shape, *(lora.adapter.sha256 for lora in current_loras()))
        if key not in self._rows_of:
            alone = self._rows > 1 and _place_matters(model, _fill(rows, 0, self._rows))
            if alone:
                log.warning("rows_pass_alone", model=model.description.id, cells=tuple(shape[1:]))
            self._rows_of[key] = 1 if alone else self._rows
        return self._rows_of[key]


def _fresh(tensor: torch.Tensor) -> torch.Tensor:
    """A copy at the start of its memory, rows in a row: layouts, which a neighbour can bring along, choose kernels."""
    return tensor.clone(memory_format=torch.contiguous_format)


def _fill(rows: ModelInput, first: int, size: int) -> ModelInput:
    """A pass of `size` rows from row `first` on; the last row is repeated where there are fewer.

    Its tensors are fresh ones.
    """

    def part(tensor: torch.Tensor) -> torch.Tensor:
        chosen = tensor[first : first + size]
        return _fresh(torch.cat([chosen, chosen[-1:].expand(size - len(chosen), *chosen.shape[1:])]))

    return ModelInput(
        part(rows.latents),
        part(rows.timesteps),
        tuple(part(tensor) for tensor in rows.condition),
        part(rows.truncations),
        part(rows.guidance_scales),
    )


def _place_matters(model: DiffusionModel, rows: ModelInput) -> bool:
    """Whether rows of noise, at times of their own, give other bytes when they move along a pass."""
    count = len(rows.latents)
    noise = torch.randn(rows.latents.shape, generator=torch.Generator().manual_seed(0))
    times = torch.linspace(1.0, 999.0, count)

    def predict(shift: int) -> torch.Tensor:
        condition: Condition = tuple(tensor.roll(shift, 0) for tensor in rows.condition)
        latents = noise.roll(shift, 0).to(rows.latents.device)
        others = rows.truncations.roll(shift), rows.guidance_scales.roll(shift)
        return model.predict(ModelInput(latents, times.roll(shift), condition, *others))

    still = predict(0)
    return any(not torch.equal(predict(shift), still.roll(shift, 0)) for shift in range(1, count))

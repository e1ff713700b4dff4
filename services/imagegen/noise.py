"""Seeded noise and paths between latents. One CPU generator an image: neighbours change nothing.

First it draws the image's noise, then a stochastic sampler's for each step, in order, as in diffusers' pipelines: so
what a step draws is a matter of the seed, the sampler and the steps before, whatever shared their passes.
"""

from collections.abc import Sequence

import torch

from imagegen.domain import InterpolationMethod

# Above this cosine the great circle is a line within float precision.
_COLLINEAR = 0.9995


def generators_of(seeds: Sequence[int]) -> list[torch.Generator]:
    """One CPU generator a seed."""
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def draw(generators: Sequence[torch.Generator], shape: tuple[int, ...]) -> torch.Tensor:
    """Standard normal float32 [n, *shape] on the CPU, row i from generators[i]."""
    return torch.stack([torch.randn(shape, generator=generator) for generator in generators])


def clone_generator(generator: torch.Generator) -> torch.Generator:
    """A generator that will draw what `generator` would, independently of it."""
    return torch.Generator().set_state(generator.get_state())


def path(start: torch.Tensor, end: torch.Tensor, frames: int, method: InterpolationMethod) -> torch.Tensor:
    """Points [frames, *shape] from start to end, both included, evenly spaced; frames >= 2."""
    between = slerp if method is InterpolationMethod.SLERP else torch.lerp
    weights = torch.linspace(0.0, 1.0, frames, dtype=start.dtype, device=start.device)
    points = [between(start, end, weight) for weight in weights]
    # Ends exactly as given: float arithmetic on the path must not change them.
    points[0], points[-1] = start, end
    return torch.stack(points)


def slerp(start: torch.Tensor, end: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Spherical interpolation (Shoemake, 1985) of tensors as flat vectors; a line if nearly collinear."""
    norms = start.norm() * end.norm()
    cosine = (start * end).sum() / norms if norms > 0 else torch.ones_like(norms)
    if cosine.abs() > _COLLINEAR:
        return torch.lerp(start, end, weight)
    angle = torch.acos(cosine)
    return (torch.sin((1 - weight) * angle) * start + torch.sin(weight * angle) * end) / torch.sin(angle)

"""Samplers of discrete diffusion, by a pipeline's scheduler."""

from diffusers import DDIMScheduler
from diffusers.schedulers import KarrasDiffusionSchedulers

from imagegen.models.loading.source import Source
from imagegen.samplers import SamplerBank

# Those whose noise levels and predictions mean the same; EDM's are others, though diffusers lists it among them.
_EXCHANGEABLE = {scheduler.name for scheduler in KarrasDiffusionSchedulers} - {"EDMEulerScheduler"}


def load_samplers(source: Source) -> SamplerBank:
    """The samplers of a pipeline. Raises ValueError for a scheduler that no sampler here can stand in for."""
    config = source.config(DDIMScheduler, "scheduler")
    name = config.get("_class_name")
    if name not in _EXCHANGEABLE:
        raise ValueError(f"its scheduler {name} is not supported")
    return SamplerBank(config)

"""What loaders of pipelines of flow matching have in common."""

from diffusers import FlowMatchEulerDiscreteScheduler

from imagegen.flow_matching import FlowSamplerBank
from imagegen.models.loading.source import Source

_SCHEDULER = "FlowMatchEulerDiscreteScheduler"


def load_flow_samplers(source: Source, *, token_cells: int, even_sigmas: bool = False) -> FlowSamplerBank:
    """The sampler of a pipeline's scheduler. Raises ValueError for one that is not of flow matching."""
    config = source.config(FlowMatchEulerDiscreteScheduler, "scheduler")
    if config.get("_class_name") != _SCHEDULER:
        raise ValueError(f"its scheduler {config.get('_class_name')} is not {_SCHEDULER}")
    return FlowSamplerBank(config, token_cells=token_cells, even_sigmas=even_sigmas)

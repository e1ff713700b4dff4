"""How a mixture's tokens spread over its experts, counted where its routers choose."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn


class ExpertLoad:
    """Counts of tokens by layer and expert since the model was loaded.

    A token counts once for each expert that computes it, `top_k` times a layer. There is no padding in a pass.
    """

    def __init__(self, model: Any) -> None:
        """Listens to the model's routers; a dense model has none."""
        routers = {_layer(name): module for name, module in model.named_modules() if _routes(module)}
        self._experts = {layer: int(router.num_experts) for layer, router in routers.items()}
        shape = len(routers), max(self._experts.values(), default=0)
        self._counts = torch.zeros(shape, dtype=torch.long, device=model.device)
        self._told = torch.zeros(shape, dtype=torch.long)
        for row, router in enumerate(routers.values()):
            router.register_forward_hook(partial(self._count, row))
        if routers:
            model.register_forward_hook(self._tell)

    def tokens(self) -> Mapping[int, Sequence[int]]:
        """By layer, the tokens of each expert; of layers that told what they chose. From any thread, at once."""
        rows = zip(self._experts.items(), self._told.tolist(), strict=True)
        return {layer: counts[:experts] for (layer, experts), counts in rows if any(counts)}

    def _count(self, row: int, _router: nn.Module, _given: Any, output: Any) -> None:
        for chosen in output if isinstance(output, tuple) else ():
            if isinstance(chosen, Tensor) and not chosen.is_floating_point():
                ids = chosen.flatten().long()  # (tokens x top_k,)
                self._counts[row].scatter_add_(0, ids, torch.ones_like(ids))

    def _tell(self, *_: Any) -> None:
        # Fetched here, where the pass is waited for anyway: reading must not wait for a device that is stuck.
        self._told = self._counts.cpu()


def is_mixture(model: Any) -> bool:
    """Whether a model has routers, so that what is computed depends on the tokens."""
    return any(map(_routes, model.modules()))


def _routes(module: nn.Module) -> bool:
    return "Router" in type(module).__name__ and isinstance(getattr(module, "num_experts", None), int)


def _layer(name: str) -> int:
    """The number in a module's path, as in model.layers.3.mlp.gate."""
    return next(int(part) for part in name.split(".") if part.isdigit())

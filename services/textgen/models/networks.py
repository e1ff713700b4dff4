"""Which Network computes a decoder."""

from typing import Any

import structlog

from textgen.models.decoder import Network
from textgen.models.int8 import quantise
from textgen.models.lora import install
from textgen.models.native_network import NativeNetwork, unfit
from textgen.models.torch_network import TorchNetwork

log = structlog.get_logger(__name__)


def network_of(
    model_id: str, model: Any, *, blocks: int, int8: bool = False, adapters: bool = False
) -> tuple[Network, str]:
    """The fastest network that computes the model here, and what to say of it. ModelLoadError if there is none.

    With int8 the weights are quantised; only those of a model that the kernels compute take activations with them.
    """
    if (reason := unfit(model)) is None:
        network: Network = NativeNetwork(model, blocks=blocks, int8=int8)
        said = "with kernels built for this processor" + (", in int8" if int8 else "")
    else:
        quantised = f", {quantise(model)} layers in int8" if int8 else ""
        # Hooks cost a little in every layer, so that they are left out where no adapter can come.
        network = TorchNetwork(model, blocks=blocks, linears=install(model) if adapters else None)
        said = f"with torch's kernels{quantised}, and not those built for a processor: {reason}"
    log.info("kernels_chosen", model=model_id, kernels=said)
    return network, said

"""Which Network computes a decoder, and which EncoderNetwork an encoder."""

from typing import Any

import structlog

from textgen.models import native_encoder
from textgen.models.decoder import Network
from textgen.models.encoder import EncoderNetwork
from textgen.models.int8 import quantise
from textgen.models.lora import install
from textgen.models.memory import release
from textgen.models.native_encoder import NativeEncoder
from textgen.models.native_network import NativeNetwork, unfit
from textgen.models.torch_encoder import TorchEncoder
from textgen.models.torch_network import TorchNetwork

log = structlog.get_logger(__name__)
_BUILT = "with kernels built for this processor"
_NOT_BUILT = "and not those built for a processor"


def network_of(
    model_id: str, model: Any, *, blocks: int, int8: bool = False, adapters: bool = False
) -> tuple[Network, str]:
    """The fastest network that computes the model here, and what to say of it. ModelLoadError if there is none.

    With int8 the weights are quantised; only those of a model that the kernels compute take activations with them.
    """
    if (reason := unfit(model)) is None:
        network: Network = NativeNetwork(model, blocks=blocks, int8=int8)
        release(model)
        said = _BUILT + (", in int8" if int8 else "")
    else:
        quantised = f", {quantise(model)} layers in int8" if int8 else ""
        # Hooks cost a little in every layer, so that they are left out where no adapter can come.
        network = TorchNetwork(model, blocks=blocks, linears=install(model) if adapters else None)
        said = f"with torch's kernels{quantised}, {_NOT_BUILT}: {reason}"
    log.info("kernels_chosen", model=model_id, kernels=said)
    return network, said


def encoder_network_of(model_id: str, model: Any) -> tuple[EncoderNetwork, str]:
    """The fastest network that computes an encoder here, and what to say of it."""
    if (reason := native_encoder.unfit(model)) is None:
        network: EncoderNetwork = NativeEncoder(model)
        said = _BUILT
    else:
        network, said = TorchEncoder(model), f"with torch's kernels, {_NOT_BUILT}: {reason}"
    log.info("kernels_chosen", model=model_id, kernels=said)
    return network, said

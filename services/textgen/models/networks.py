"""Which Network computes a decoder, and which EncoderNetwork an encoder."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import structlog

from textgen.models import native_encoder
from textgen.models.decoder import Network
from textgen.models.encoder import EncoderNetwork
from textgen.models.int8 import quantise
from textgen.models.lora import install
from textgen.models.native_encoder import NativeEncoder
from textgen.models.native_network import NativeNetwork, unfit
from textgen.models.torch_encoder import TorchEncoder
from textgen.models.torch_network import TorchNetwork

log = structlog.get_logger(__name__)
_BUILT = "with kernels built for this processor"
_NOT_BUILT = "and not those built for a processor"


def network_of(
    model_id: str,
    model: Any,
    *,
    blocks: int,
    rows: int,
    int8: bool = False,
    adapters: bool = False,
    compiles: bool = False,
) -> tuple[Network, str]:
    """The fastest network that computes the model here, and what to say of it. ModelLoadError if there is none.

    `rows` are sequences of the running batch. With int8 the weights are quantised; only those of a model that the
    kernels compute take activations with them. `compiles`: whether a GPU's graphs may be compiled first.
    """
    if (reason := unfit(model)) is None:
        network: Network = NativeNetwork(model, blocks=blocks, int8=int8, consume=True)
        said = _BUILT + (", in int8" if int8 else "")
    else:
        quantised = f", {quantise(model)} layers in int8" if int8 else ""
        # Hooks cost a little in every layer, so that they are left out where no adapter can come.
        linears = install(model) if adapters else None
        if model.device.type == "cuda" and find_spec("triton") is not None:
            compiles = compiles and not int8 and not adapters
            network, kernels = _on_a_gpu(model, blocks, rows, linears, compiles=compiles)
        else:
            network, kernels = TorchNetwork(model, blocks=blocks, linears=linears), "torch's kernels"
        said = f"with {kernels}{quantised}, {_NOT_BUILT}: {reason}"
    log.info("kernels_chosen", model=model_id, kernels=said)
    return network, said


def _on_a_gpu(
    model: Any, blocks: int, rows: int, linears: Mapping[str, tuple[int, int]] | None, *, compiles: bool
) -> tuple[Network, str]:
    # Triton is where CUDA is, and nowhere else.
    from textgen.models.graphed_network import Capture, GraphedNetwork, cuda_graph
    from textgen.models.triton_attention import attend

    ways: list[tuple[str, Capture | None, bool]] = [
        ("CUDA graphs, compiled, with attention in Triton", cuda_graph, True),
        ("CUDA graphs, with attention in Triton", cuda_graph, False),
        ("attention in Triton", None, False),
    ]
    shape: dict[str, Any] = {"blocks": blocks, "rows": rows, "linears": linears}
    for said, capture, compiled in ways if compiles else ways[1:]:
        try:
            return GraphedNetwork(model, kernel=attend, capture=capture, compiles=compiled, **shape), said
        except (RuntimeError, NotImplementedError) as error:  # a mixture's computation depends on the tokens
            log.warning("kernels_not_fit", model=type(model).__name__, kernels=said, error=str(error))
    return TorchNetwork(model, blocks=blocks, linears=linears), "torch's kernels"


def encoder_network_of(model_id: str, model: Any) -> tuple[EncoderNetwork, str]:
    """The fastest network that computes an encoder here, and what to say of it."""
    if (reason := native_encoder.unfit(model)) is None:
        network: EncoderNetwork = NativeEncoder(model)
        said = _BUILT
    else:
        network, said = TorchEncoder(model), f"with torch's kernels, {_NOT_BUILT}: {reason}"
    log.info("kernels_chosen", model=model_id, kernels=said)
    return network, said

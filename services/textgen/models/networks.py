"""Which Network computes a decoder, and which EncoderNetwork an encoder."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import structlog

from textgen.models import native_encoder
from textgen.models.decoder import Network
from textgen.models.encoder import EncoderNetwork
from textgen.models.expert_load import is_mixture
from textgen.models.graphed_network import Capture, GraphedNetwork, Way, cuda_graph
from textgen.models.int8 import quantise
from textgen.models.lora import install
from textgen.models.native_encoder import NativeEncoder
from textgen.models.native_network import NativeNetwork, unfit
from textgen.models.tiles import Kernel
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
            from textgen.models.triton_attention import attend  # where there is no GPU, there is no Triton

            compiled = compiles and not int8 and not adapters
            ways = graphed_ways(model, attend, cuda_graph, compiles=compiled)
            network, kernels = first_that_fits(model, blocks, rows, linears, ways)
        else:
            network, kernels = TorchNetwork(model, blocks=blocks, linears=linears), "torch's kernels"
        said = f"with {kernels}{quantised}, {_NOT_BUILT}: {reason}"
    log.info("kernels_chosen", model=model_id, kernels=said)
    return network, said


def graphed_ways(model: Any, kernel: Kernel, capture: Capture, *, compiles: bool) -> list[Way]:
    """How a GPU may compute a model, the fastest first.

    A mixture is never captured: what it computes depends on the tokens, and its experts' load is counted by hooks.
    """
    ways = [Way("attention in Triton", kernel)]
    if not is_mixture(model):
        ways.insert(0, Way("CUDA graphs, with attention in Triton", kernel, capture))
        if compiles:
            ways.insert(
                0, Way("CUDA graphs, compiled, with attention in Triton", kernel, capture, compiles=True)
            )
    return ways


def first_that_fits(
    model: Any, blocks: int, rows: int, linears: Mapping[str, tuple[int, int]] | None, ways: Sequence[Way]
) -> tuple[Network, str]:
    """A network by the first way that the model can be computed in, and its name; torch's kernels fit all."""
    for way in ways:
        try:
            return GraphedNetwork(model, blocks=blocks, rows=rows, way=way, linears=linears), way.name
        except (RuntimeError, NotImplementedError) as error:  # of the compiler, of the capture, of the kernel
            log.warning("kernels_not_fit", model=type(model).__name__, kernels=way.name, error=str(error))
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

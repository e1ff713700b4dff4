"""Which engine runs the decoders, and why: decided once, before any model is loaded."""

from dataclasses import dataclass

HOW_TO_INSTALL = "pip install 'quadrille[textgen-vllm]', or build the image with EXTRA=textgen-vllm"


class EngineUnavailable(Exception):
    """The engine that is configured cannot run here; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """The engine of the decoders. All other models are torch's."""

    engine: str
    reason: str

    def of(self, *, is_decoder: bool) -> "EngineChoice":
        """The engine of one model."""
        if self.engine == "torch" or is_decoder:
            return self
        return EngineChoice("torch", "vLLM is given decoders only")


def choose_engine(wanted: str, *, device: str, has_vllm: bool, has_cuda: bool) -> EngineChoice:
    """Torch or vLLM for wanted = auto, torch or vllm on a configured device. Raises EngineUnavailable."""
    if device.startswith("cuda") and not has_cuda:
        raise EngineUnavailable(f"device is {device}, but torch finds no CUDA device here")
    if wanted == "torch":
        return EngineChoice("torch", "configured")
    if wanted == "vllm":
        if not has_vllm:
            raise EngineUnavailable(f"engine is vllm, which is not installed: {HOW_TO_INSTALL}")
        if ":" in device:
            raise EngineUnavailable(
                f"device is {device}, but vLLM takes the first device it sees: set CUDA_VISIBLE_DEVICES "
                "and leave device at auto"
            )
        return EngineChoice("vllm", "configured")
    if not has_vllm:
        return EngineChoice("torch", "auto: vLLM is not installed")
    if not has_cuda:
        return EngineChoice("torch", "auto: vLLM is installed, but there is no CUDA device")
    if device not in ("auto", "cuda"):
        return EngineChoice("torch", f"auto: device is {device}, and vLLM takes the first CUDA device")
    return EngineChoice("vllm", "auto: vLLM is installed and CUDA is available")

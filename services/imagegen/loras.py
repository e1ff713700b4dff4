"""The LoRA adapters of the models, and which of them a request holds. On the event loop."""

from collections.abc import Callable, Sequence
from pathlib import Path

from serving.errors import FailedPrecondition, InvalidInput, Unavailable
from serving.loras import Adapter, LoraOptions, Loras, Reader

from imagegen.domain import Capability, HeldLora, LoraChoice
from imagegen.metrics import ImagegenMetrics
from imagegen.models.base import DiffusionModel
from imagegen.registry import ModelRegistry

_NONE = "takes no adapters: only models with a denoiser of latents do"
_UNCONFIGURED = LoraOptions(directory=None, max_count=0, max_rank=0, max_bytes=0)
ReaderOf = Callable[[DiffusionModel, LoraOptions], Reader]


class ModelLoras:
    """Adapters by model and name."""

    def __init__(self, reader_of: ReaderOf, options: LoraOptions | None, metrics: ImagegenMetrics) -> None:
        """`options` are None where no adapter can come."""
        self._reader_of, self._options, self._metrics = reader_of, options, metrics
        self._models: ModelRegistry | None = None
        self._loras: dict[str, Loras] = {}

    def serve(self, models: ModelRegistry) -> None:
        """Take adapters for these models from now on; before any of them computes."""
        self._models = models
        options = self._options or _UNCONFIGURED
        for model in models.models:
            if isinstance(model, DiffusionModel) and model.lora_parts:
                reader = self._reader_of(model, options) if self._options else _never
                self._loras[model.description.id] = Loras(reader, options)
                self._measure(model.description.id)

    async def load(self, model_id: str, name: str, folder: Path | None = None) -> tuple[str, Adapter]:
        """Load an adapter, from its folder in lora_dir unless another is given; the model's id, and the adapter.

        Fails as `Loras.load` does, and with FailedPrecondition for a model that takes no adapters.
        """
        model_id, loras = self._find(model_id)
        adapter = await loras.load(name, folder)
        self._measure(model_id)
        return model_id, adapter

    def unload(self, model_id: str, name: str) -> str:
        """Forget an adapter; the model's id. NotFound when it is not loaded."""
        model_id, loras = self._find(model_id)
        loras.unload(name)
        self._measure(model_id)
        return model_id

    def list(self, model_id: str) -> tuple[str, tuple[Adapter, ...]]:
        """The model's id, and its adapters in the order of loading."""
        model_id, loras = self._find(model_id)
        return model_id, loras.loaded

    def names(self, model_id: str) -> tuple[str, ...]:
        """What requests to a model may name."""
        return self._loras[model_id].names if model_id in self._loras else ()

    def hold(self, model_id: str, choices: Sequence[LoraChoice]) -> tuple[HeldLora, ...]:
        """The adapters that a request names, to be held for as long as it runs. InvalidInput, NotFound."""
        if not choices:
            return ()
        if model_id not in self._loras:
            raise InvalidInput("parameters.loras", f"{model_id} {_NONE}")
        return tuple(HeldLora(self._loras[model_id].get(each.name), each.scale) for each in choices)

    def _find(self, model_id: str) -> tuple[str, Loras]:
        if self._models is None:
            raise Unavailable("the models are still loading")
        model_id = self._models.resolve(model_id, Capability.GENERATE).description.id
        if model_id not in self._loras:
            raise FailedPrecondition("LORA_UNSUPPORTED", f"{model_id} {_NONE}")
        return model_id, self._loras[model_id]

    def _measure(self, model_id: str) -> None:
        self._metrics.loras_loaded.labels(model_id).set(len(self._loras[model_id].names))


def _never(name: str, folder: Path, max_bytes: int) -> Adapter:
    raise AssertionError("nothing is read where nothing may be loaded")

"""The loaded models by id, and the default for each capability."""

from collections.abc import Sequence

from serving.errors import InvalidInput, NotConfigured, NotFound

from textgen.domain import Capability
from textgen.served import ServedModel

_EXAMPLES = {
    Capability.GENERATE: "starter=starter/text/model",
    Capability.CHAT: "a decoder directory with a chat template",
    Capability.SCORE: "starter=starter/text/model",
    Capability.EMBED: "minilm",
    Capability.RERANK: "a cross-encoder directory (…ForSequenceClassification)",
    Capability.FILL_MASK: "a masked language model directory (…ForMaskedLM)",
    Capability.TOKENIZE: "starter=starter/text/model",
}


class ModelRegistry:
    """Models in the order of the configuration."""

    def __init__(self, models: Sequence[ServedModel] = ()) -> None:
        self._models = {model.info.id: model for model in models}

    def all(self) -> list[ServedModel]:
        """Every model."""
        return list(self._models.values())

    def get(self, model_id: str) -> ServedModel:
        """One model; InvalidInput without a name, NotFound for an unknown one."""
        if not model_id:
            raise InvalidInput("model", "must be set")
        if model_id not in self._models:
            raise NotFound("model", model_id)
        return self._models[model_id]

    def find(self, model_id: str, capability: Capability) -> ServedModel:
        """The named model, or the first that has the capability.

        NotFound for an unknown name, InvalidInput for a model without the capability, NotConfigured when no
        loaded model has it.
        """
        if model_id:
            model = self.get(model_id)
            if capability not in model.info.capabilities:
                raise InvalidInput(
                    "model", f"{model_id!r} ({model.info.architecture}) cannot {capability.value}"
                )
            return model
        for model in self._models.values():
            if capability in model.info.capabilities:
                return model
        raise NotConfigured(
            f"no loaded model can {capability.value}",
            f"add one to QUADRILLE_TEXTGEN_MODELS, e.g. {_EXAMPLES[capability]}",
        )

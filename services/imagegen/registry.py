"""The loaded models, the default first, and which of them answers a request."""

from collections.abc import Sequence

from serving.errors import InvalidInput, NotConfigured, NotFound

from imagegen.domain import Capability
from imagegen.models.base import LatentModel

_OPTION = "QUADRILLE_IMAGEGEN_MODELS"


class ModelRegistry:
    """Models by id; for each capability the first that has it is its default."""

    def __init__(self, models: Sequence[LatentModel]) -> None:
        self.models = tuple(models)
        self._by_id = {model.description.id: model for model in models}

    def resolve(self, model_id: str, *needed: Capability) -> LatentModel:
        """The named model, or the first that can do all that is needed.

        Raises NotFound, InvalidInput for a named model that cannot, NotConfigured when none can.
        """
        if not model_id:
            for model in self.models:
                if model.description.capabilities.issuperset(needed):
                    return model
            what = " and ".join(needed)
            raise NotConfigured(f"no loaded model can {what}", f"name one that can in {_OPTION}")
        found = self._by_id.get(model_id)
        if found is None:
            raise NotFound("model", model_id)
        if missing := [need for need in needed if need not in found.description.capabilities]:
            raise InvalidInput("model", f"{model_id} cannot {missing[0]}")
        return found

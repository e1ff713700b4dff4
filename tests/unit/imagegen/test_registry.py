import pytest
from imagegen.domain import Capability
from imagegen.models.stable_diffusion import StableDiffusionModel
from imagegen.models.vae import VaeModel
from imagegen.registry import ModelRegistry
from serving.errors import InvalidInput, NotConfigured, NotFound


def test_first_model_that_can_is_the_default(vae: VaeModel, pipeline: StableDiffusionModel) -> None:
    models = ModelRegistry([vae, pipeline])
    assert models.resolve("", Capability.ENCODE) is vae
    assert models.resolve("", Capability.GENERATE) is pipeline
    assert models.resolve("", Capability.INTERPOLATE, Capability.GENERATE) is pipeline
    assert models.resolve("tiny", Capability.ENCODE) is pipeline


def test_unknown_incapable_and_missing_models(vae: VaeModel) -> None:
    models = ModelRegistry([vae])
    with pytest.raises(NotFound):
        models.resolve("other", Capability.ENCODE)
    with pytest.raises(InvalidInput, match="model"):
        models.resolve("vae", Capability.GENERATE)
    with pytest.raises(NotConfigured, match="QUADRILLE_IMAGEGEN_MODELS"):
        models.resolve("", Capability.GENERATE)

from pathlib import Path

import pytest
from imagegen.models.base import DiffusionModel, LatentModel
from imagegen.models.loading import LoadOptions, load_model
from imagegen.testing import save_tiny_pipeline, save_tiny_vae

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # diffusers 0.42 hands torch tensors to numpy 2 in a way that numpy deprecates.
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"))


@pytest.fixture(scope="session")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A directory for every adapter."""
    return {
        "stable_diffusion": save_tiny_pipeline(tmp_path_factory.mktemp("epsilon")),
        "v_prediction": save_tiny_pipeline(
            tmp_path_factory.mktemp("v"),
            prediction_type="v_prediction",
            timestep_spacing="trailing",
            rescale_betas_zero_snr=False,
        ),
        "vae": save_tiny_vae(tmp_path_factory.mktemp("vae")),
    }


@pytest.fixture(scope="session", params=["stable_diffusion", "v_prediction", "vae"])
def model(request: pytest.FixtureRequest, paths: dict[str, Path]) -> LatentModel:
    return load_model(request.param, str(paths[request.param]), LoadOptions())


@pytest.fixture(scope="session", params=["stable_diffusion", "v_prediction"])
def diffusion(request: pytest.FixtureRequest, paths: dict[str, Path]) -> DiffusionModel:
    model = load_model(request.param, str(paths[request.param]), LoadOptions())
    assert isinstance(model, DiffusionModel)
    return model

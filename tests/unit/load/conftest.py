import importlib.util
import sys
from pathlib import Path

import pytest

LOAD = Path(__file__).resolve().parents[2] / "load"


def _pure(name):
    """A module of tests/load that needs neither Locust nor a server."""
    spec = importlib.util.spec_from_file_location(f"load_{name}", LOAD / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def report():
    return _pure("report")


@pytest.fixture(scope="session")
def schedule():
    return _pure("schedule")


@pytest.fixture(scope="session")
def addresses():
    return _pure("addresses")

"""One true stack as processes, shared by all tests here, driven through its door as users do."""

import importlib.util
import sys
from pathlib import Path

import pytest
from quadrille_cli.stack import Ports, local_stack
from quadrille_client import Client

ROOT = Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location("e2e_rpcs", Path(__file__).with_name("rpcs.py"))
_rpcs = importlib.util.module_from_spec(_spec)
sys.modules["e2e_rpcs"] = _rpcs
_spec.loader.exec_module(_rpcs)


@pytest.fixture(scope="session")
def root():
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    """The four services with their default models; `ports` tells where each listens."""
    ports = Ports.free()
    with local_stack(tmp_path_factory.mktemp("stack"), ports=ports) as running:
        running.ports = ports
        yield running


@pytest.fixture(scope="session")
def client(stack):
    """A client of the gateway; the collection "docs" holds the documentation."""
    with Client(stack.address, timeout=120) as client:
        list(client.ingest("docs", [ROOT / "docs"]))
        yield client

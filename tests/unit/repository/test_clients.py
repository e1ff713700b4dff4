"""Each client of tests/clients can be installed as it was tested: pins that are complete, and tests to run."""

import json
import re
from pathlib import Path

import pytest

CLIENTS = Path(__file__).resolve().parents[2] / "clients"
PYTHON = sorted(path.parent for path in CLIENTS.glob("*/constraints.txt"))
NODE = sorted(path.parent for path in CLIENTS.glob("*/package.json"))


def test_every_folder_is_a_client_of_one_kind():
    folders = {
        path.parent for path in CLIENTS.glob("*/*.*") if path.suffix in (".py", ".mjs", ".txt", ".json")
    }
    assert folders == {*PYTHON, *NODE}
    assert not set(PYTHON) & set(NODE)


@pytest.mark.parametrize("client", PYTHON, ids=lambda client: client.name)
def test_python_clients_are_pinned_and_tested(client):
    lines = (client / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[^=\s@]+", pin) for pin in pins)
    assert "pytest" in {pin.partition("==")[0] for pin in pins}
    assert list(client.glob("test_*.py"))


@pytest.mark.parametrize("client", NODE, ids=lambda client: client.name)
def test_node_clients_are_locked_and_tested(client):
    asked = json.loads((client / "package.json").read_text())["devDependencies"]
    locked = json.loads((client / "package-lock.json").read_text())["packages"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in asked} == asked
    assert not any("resolved" in package for package in locked.values())  # from whichever registry is asked
    assert list(client.glob("*.test.mjs"))

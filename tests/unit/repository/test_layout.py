"""The rules of the tree that a reader relies on."""

import ast
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parents[3]
SERVICES = ("textgen", "imagegen", "retrieval", "gateway")
# Beside convert, these speak protobuf by their nature: they are the wire.
WIRE = ("convert", "servicer", "servicers", "adapters", "proxy", "listing", "tensors", "__main__")


def sources(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return [path for path in found if "_sync" not in path.parts and "gen" not in path.parts]


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return names


def test_files_are_small_enough_to_read():
    lengths = {path: len(path.read_text().splitlines()) for path in sources("services", "clients", "starter")}
    assert not [str(path) for path, lines in lengths.items() if lines > 400]
    assert median(lengths.values()) <= 100


def test_nothing_is_called_utils():
    own = sources("services", "clients", "scripts", "benchmarks", "starter", "tests")
    assert not [path for path in own if "utils" in path.stem]


@pytest.mark.parametrize("service", SERVICES)
def test_protobuf_types_stop_at_convert(service):
    offenders = [
        str(path.relative_to(ROOT))
        for path in sources(f"services/{service}")
        if not any(
            part.removesuffix(".py") in WIRE for part in path.relative_to(ROOT / "services" / service).parts
        )
        and any(name.startswith(("quadrille.", "google.protobuf")) for name in imports(path))
    ]
    assert not offenders


@pytest.mark.parametrize("service", ["textgen", "imagegen"])
def test_schedulers_are_pure(service):
    names = imports(ROOT / "services" / service / "scheduler.py")
    assert not {name.partition(".")[0] for name in names} & {"torch", "asyncio", "time", "threading", "grpc"}


def test_nothing_is_unpickled():
    loads = ("import pickle", "torch.load(", "trust_remote_code=True", "allow_pickle=True")
    found = [
        (path, word)
        for path in sources("services", "clients", "starter")
        for word in loads
        if word in path.read_text()
    ]
    assert not found


def test_layers_hold():
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_committed_stubs_are_what_protoc_makes():
    command = [sys.executable, "scripts/protos.py", "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("script", ["config_reference", "sdk_reference"])
def test_pages_that_are_made_are_current(script):
    command = [sys.executable, f"scripts/{script}.py", "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr

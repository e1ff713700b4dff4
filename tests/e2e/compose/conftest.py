"""The compose stack, built and brought up once for all tests here, and taken down after them.

It runs as a project of its own on free ports, so a stack that runs already is left alone.
"""

import gc
import os
import shutil
import socket
import subprocess
import time
import warnings
from pathlib import Path

import docker
import pytest
from quadrille_client import Client

ROOT = Path(__file__).resolve().parents[3]
PROJECT = "quadrille-test"
SERVICES = ("textgen", "imagegen", "retrieval", "gateway")
BUILD_S, HEALTHY_S = 3600, 300


def compose_command():
    """Compose v2, or v1 where it is what there is."""
    if shutil.which("docker"):
        plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
        if plugin.returncode == 0:
            return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    return pytest.fail("these tests need Docker Compose: neither `docker compose` nor `docker-compose` runs")


class Composed:
    """The running stack: compose starts and stops it, the engine's API looks into it."""

    def __init__(self, engine, ports):
        self.engine = engine
        self.ports = ports
        self.address = f"127.0.0.1:{ports[0]}"
        self.http = f"http://127.0.0.1:{ports[1]}"
        self._command = [*compose_command(), "--project-name", PROJECT]
        self._environment = os.environ | {
            "QUADRILLE_GRPC_PORT": str(ports[0]),
            "QUADRILLE_HTTP_PORT": str(ports[1]),
            "COMPOSE_FILE": str(ROOT / "docker-compose.yml"),  # without the overrides of whoever runs this
        }

    def compose(self, *arguments):
        result = subprocess.run(
            [*self._command, *arguments],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=BUILD_S,
            check=False,
        )
        assert result.returncode == 0, f"{arguments}\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}"

    def containers(self):
        """All containers of the project, by service."""
        label = {"label": f"com.docker.compose.project={PROJECT}"}
        found = self.engine.containers.list(all=True, filters=label)
        return {item.labels["com.docker.compose.service"]: item for item in found}

    def container(self, service):
        return self.containers()[service]

    def wait_healthy(self, *services):
        """Return when the engine calls each service healthy."""
        deadline = time.monotonic() + HEALTHY_S
        while True:
            states = {name: self._health(name) for name in services}
            if set(states.values()) == {"healthy"}:
                return
            assert time.monotonic() < deadline, f"{states}\n{self._logs(states)}"
            time.sleep(0.5)

    def _health(self, service):
        state = self.container(service).attrs["State"]
        return state["Health"]["Status"] if state["Running"] else state["Status"]

    def _logs(self, states):
        late = (name for name, state in states.items() if state != "healthy")
        return "\n".join(self.container(name).logs(tail=20).decode() for name in late)


def free_ports():
    with socket.socket() as one, socket.socket() as two:
        for held in (one, two):
            held.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


@pytest.fixture(scope="session")
def engine():
    """The engine that DOCKER_HOST names, or the local one."""
    client, problem = None, ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # docker leaves its socket open when nobody answers
        try:
            client = docker.from_env()
        except docker.errors.DockerException as error:
            problem = str(error)
        gc.collect()
    if client is None:
        pytest.fail(f"make test-compose needs a Docker engine; start one or set DOCKER_HOST: {problem}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def composed(engine):
    stack = Composed(engine, free_ports())
    stack.compose("build")
    try:
        stack.compose("up", "-d")
        stack.wait_healthy(*SERVICES)
        yield stack
    finally:
        stack.compose("down", "--volumes")


@pytest.fixture(scope="session")
def door(composed):
    """A client of the published gateway; the collection "docs" holds the documentation."""
    with Client(composed.address, timeout=120) as client:
        list(client.ingest("docs", [ROOT / "docs"]))
        yield client

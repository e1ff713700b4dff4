"""The text service as a process with vLLM; collected where vLLM is installed (make test-vllm)."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

collect_ignore_glob = [] if find_spec("vllm") else ["test_*.py"]
ROOT = Path(__file__).resolve().parents[2]
SERVICE = "quadrille.text.v1.TextService"


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    """A running text service."""

    def __init__(self, process, address, metrics):
        self.process, self.address, self.metrics = process, address, metrics

    def status(self):
        with grpc.insecure_channel(self.address) as channel:
            request = health_pb2.HealthCheckRequest(service=SERVICE)
            try:
                answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=5)
            except grpc.RpcError:
                return "UNREACHABLE"
            return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)

    def becomes(self, status, seconds):
        """Whether the service comes to have a status; it is asked until then, or until it has ended."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            if self.status() == status:
                return True
            time.sleep(0.2)
        return False


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    port, metrics = free_port(), free_port()
    options = {
        "ENGINE": "vllm",
        "MODELS": "starter=starter/text/model,minilm",
        "PORT": str(port),
        "METRICS_PORT": str(metrics),
        "MAX_BATCH_TOKENS": "512",  # less than the model's own context
        "VLLM_MEMORY_RATIO": "0.2",
        "VLLM_EAGER": "true",
    }
    environment = os.environ | {f"QUADRILLE_TEXTGEN_{name}": value for name, value in options.items()}
    log = tmp_path_factory.mktemp("service") / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "textgen"], cwd=ROOT, env=environment, stderr=output, stdout=output
        )
    made = Service(process, f"127.0.0.1:{port}", f"http://127.0.0.1:{metrics}/metrics")
    try:
        assert made.becomes("NOT_SERVING", 120), log.read_text()
        assert made.becomes("SERVING", 400), log.read_text()
        yield made
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)

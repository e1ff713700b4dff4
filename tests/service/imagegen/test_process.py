"""`python -m imagegen` as a process: it starts, serves, drains, and says in one sentence why it cannot start."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from imagegen.servicer import SERVICE
from quadrille.image.v1 import image_pb2 as pb
from quadrille.image.v1 import image_pb2_grpc

Start = Callable[..., "subprocess.Popen[bytes]"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def run(**options: object) -> "subprocess.Popen[bytes]":
        environment = {f"QUADRILLE_IMAGEGEN_{name.upper()}": str(value) for name, value in options.items()}
        process = subprocess.Popen(
            [sys.executable, "-m", "imagegen"],
            env=os.environ | {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""} | environment,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def until_serving(channel: grpc.Channel, process: "subprocess.Popen[bytes]") -> None:
    health = health_pb2_grpc.HealthStub(channel)
    while process.poll() is None:
        try:
            answer = health.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=5)
        except grpc.RpcError:
            answer = None
        if answer is not None and answer.status == health_pb2.HealthCheckResponse.SERVING:
            return
        time.sleep(0.1)
    raise AssertionError(((process.stderr and process.stderr.read()) or b"").decode())


def test_it_starts_serves_and_drains(start: Start, model_paths: tuple[Path, Path]) -> None:
    port, metrics_port = free_port(), free_port()
    process = start(models=f"tiny={model_paths[0]}", port=port, metrics_port=metrics_port, threads=1)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        until_serving(channel, process)
        stub = image_pb2_grpc.ImageServiceStub(channel)
        request = pb.GenerateRequest(prompt="x", parameters=pb.DiffusionParameters(steps=40, count=2))
        stream = stub.Generate(request)
        assert next(stream).HasField("queued")
        process.send_signal(signal.SIGTERM)
        # A running call finishes although the server is going, and can be watched.
        with urlopen(f"http://127.0.0.1:{metrics_port}/metrics") as answer:
            assert b"quadrille_image_requests_running" in answer.read()
        assert list(stream)[-1].finished.image_count == 2
    assert process.wait(timeout=60) == 0


def test_a_model_that_cannot_be_loaded_stops_the_start(start: Start, tmp_path: Path) -> None:
    process = start(models=tmp_path, port=0, metrics_port=0)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert f"model '{tmp_path}' cannot be loaded" in errors.decode()
    assert b"Traceback" not in errors


def test_a_key_that_cannot_sign_stops_the_start(start: Start, tmp_path: Path) -> None:
    process = start(c2pa_certificates=tmp_path / "a.pem", c2pa_key=tmp_path / "b.pem", port=0, metrics_port=0)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "imagegen cannot start: c2pa_certificates cannot be read" in errors.decode()
    assert b"Traceback" not in errors


def test_a_filter_that_cannot_be_loaded_stops_the_start(
    start: Start, model_paths: tuple[Path, Path], tmp_path: Path
) -> None:
    process = start(models=f"tiny={model_paths[0]}", safety_checker=tmp_path, port=0, metrics_port=0)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert f"safety_checker '{tmp_path}' cannot be loaded" in errors.decode()
    assert b"Traceback" not in errors


def test_cuda_where_there_is_none_stops_the_start(start: Start, model_paths: tuple[Path, Path]) -> None:
    process = start(models=f"tiny={model_paths[0]}", device="cuda", port=0, metrics_port=0)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "device is cuda, but torch finds no CUDA device here" in errors.decode()

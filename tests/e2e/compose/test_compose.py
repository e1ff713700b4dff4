"""The stack in containers: hardened, reached through the gateway alone, and back after a service dies."""

import time

import openai
import pytest
from quadrille_client import UnavailableError

pytestmark = [pytest.mark.compose, pytest.mark.timeout(7200)]
SERVICES = ("textgen", "imagegen", "retrieval", "gateway")
PNG = b"\x89PNG\r\n\x1a\n"


def run(composed, service, *command):
    return composed.container(service).exec_run(list(command))


@pytest.mark.parametrize("service", SERVICES)
def test_containers_are_hardened(composed, service):
    host = composed.container(service).attrs["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"] and not host["CapAdd"] and not host["Privileged"]
    assert any(option.startswith("no-new-privileges") for option in host["SecurityOpt"])
    assert not host["PidMode"] and host["IpcMode"] != "host" and host["NetworkMode"] != "host"
    code, user = run(composed, service, "id", "-u")
    assert code == 0 and int(user) != 0
    assert run(composed, service, "touch", "/app/x")[0] != 0
    status = run(composed, service, "cat", "/proc/1/status")[1].decode()
    assert [line.split()[1] for line in status.splitlines() if line.startswith("CapEff")] == ["0" * 16]


def test_only_the_gateway_is_published_and_on_loopback(composed):
    published = {
        (service, inner): [(item["HostIp"], int(item["HostPort"])) for item in outer]
        for service, container in composed.containers().items()
        for inner, outer in container.attrs["NetworkSettings"]["Ports"].items()
        if outer
    }
    grpc_port, http_port = composed.ports
    assert published == {
        ("gateway", "50050/tcp"): [("127.0.0.1", grpc_port)],
        ("gateway", "8080/tcp"): [("127.0.0.1", http_port)],
    }


def test_the_services_behind_it_reach_nothing_outside(composed):
    for service in set(SERVICES) - {"gateway"}:
        networks = composed.container(service).attrs["NetworkSettings"]["Networks"]
        assert [composed.engine.networks.get(name).attrs["Internal"] for name in networks] == [True]


@pytest.mark.parametrize("service", SERVICES)
def test_images_carry_what_serves_and_no_more(composed, service):
    tools = "['pytest', 'ruff', 'mypy', 'pip', 'hatchling', 'quadrille_client']"
    found = f"import importlib.util as u; print([n for n in {tools} if u.find_spec(n)])"
    assert run(composed, service, "python", "-c", found)[1].decode().strip() == "[]"
    listed = run(composed, service, "ls", "/app")[1].decode().split()
    assert listed == (["starter"] if service in ("textgen", "imagegen") else ["LICENSE"])


def test_answers_rest_on_passages(door):
    check_answer(door)


def check_answer(door):
    answer = door.ask("docs", "Where does the truth about documents live?", max_tokens=32)
    assert answer.passages and answer.finished.usage.completion_tokens
    for passage in answer.passages:
        document = door.documents.get("docs", passage.hit.document_id)
        span = document.text.encode()[passage.hit.start_byte : passage.hit.end_byte]
        assert span.decode() == passage.hit.text
    for citation in answer.citations:
        assert citation.document_id in {passage.hit.document_id for passage in answer.passages}


def test_images_are_drawn(door):
    image = door.images.generate("a red circle", seed=3, steps=4)[0].image
    assert image.data.startswith(PNG) and (image.width, image.height) == (64, 64)


def test_openai_clients_are_served(composed):
    with openai.OpenAI(base_url=f"{composed.http}/v1", api_key="none", max_retries=0) as client:
        vector = client.embeddings.create(model="minilm", input="x").data[0].embedding
    assert len(vector) == 384


@pytest.mark.parametrize("service", ["textgen", "retrieval", "gateway"])
def test_a_killed_service_comes_back(composed, door, service):
    before = composed.container(service).attrs
    kill(composed, before["State"]["Pid"])
    deadline = time.monotonic() + 60
    while composed.container(service).attrs["RestartCount"] == before["RestartCount"]:
        assert time.monotonic() < deadline, f"{service} was not restarted"
        time.sleep(0.2)
    composed.wait_healthy(*SERVICES)
    assert composed.container(service).attrs["State"]["Pid"] != before["State"]["Pid"]
    while not serving(door):
        assert time.monotonic() < deadline, "the gateway did not notice"
        time.sleep(0.2)
    check_answer(door)


def serving(door):
    try:
        return door.is_serving()
    except UnavailableError:
        return False


def kill(composed, pid):
    """SIGKILL as the kernel would send it; the engine's own `kill` counts as a stop and is not followed by a restart.

    A process may signal another of the same user, so this container needs the host's process ids and nothing else.
    """
    command = ["python", "-c", f"import os, signal; os.kill({pid}, signal.SIGKILL)"]
    options = {"pid_mode": "host", "network_mode": "none", "cap_drop": ["ALL"], "remove": True}
    composed.engine.containers.run("quadrille-gateway", command, **options)


def test_a_stop_drains(composed):
    composed.compose("stop")
    containers = composed.containers()
    assert {name: item.attrs["State"]["ExitCode"] for name, item in containers.items()} == dict.fromkeys(
        SERVICES, 0
    )
    for item in containers.values():
        assert '"event": "drained"' in item.logs(tail=20).decode()

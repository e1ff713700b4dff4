"""`quadrille up` as a user starts it: with keys and TLS at the door, until Ctrl-C."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import httpx
import pytest
from quadrille_client import (
    Client,
    PermissionDeniedError,
    Tls,
    UnauthenticatedError,
    UnavailableError,
)
from quadrille_client.types.image import ImageResult, ImagesFinished

PROGRAM = str(Path(sys.executable).with_name("quadrille"))


def new_key(*options):
    """A key, and the entry that admits it, both as the command line makes them."""
    made = subprocess.run([PROGRAM, "keys", "new", *options], capture_output=True, text=True, check=True)
    return made.stdout.split("once: ")[1].split()[0], made.stdout


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Keys by what they may do, and the file that admits them."""
    made = {
        "all": new_key("ann"),
        "text": new_key("bob", "--scope", "text", "--tenant", "acme"),
        "other": new_key("eve", "--tenant", "other"),
    }
    path = tmp_path_factory.mktemp("keys") / "keys.toml"
    path.write_text("\n".join(entry for _, entry in made.values()))
    assert len(tomllib.loads(path.read_text())["keys"]) == 3
    return {"file": path, **{name: key for name, (key, _) in made.items()}}


@pytest.fixture(scope="module")
def up(tmp_path_factory, certificates, keys):
    """The process, and what it said when it was ready."""
    options = {
        "TLS_CERTIFICATE": certificates.server.certificate,
        "TLS_KEY": certificates.server.key,
        "API_KEYS_FILE": keys["file"],
    }
    environment = os.environ | {f"QUADRILLE_GATEWAY_{name}": str(value) for name, value in options.items()}
    data = str(tmp_path_factory.mktemp("data"))
    command = [PROGRAM, "--ca", str(certificates.ca), "up", "--port-base", "0", "--data-dir", data, "--json"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    ready = json.loads(process.stdout.readline())
    yield process, ready
    if process.poll() is None:
        process.terminate()
    process.communicate()


@pytest.fixture
def connect(up, certificates):
    """A client with a key; its calls are not retried."""
    clients = []

    def make(key):
        tls = Tls(certificates.ca)
        clients.append(Client(up[1]["address"], api_key=key, tls=tls, max_retries=0, timeout=120))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def test_ready_means_that_all_serve(up, connect, keys, certificates):
    process, ready = up
    client = connect(keys["all"])
    services = ("", *(f"quadrille.{name}" for name in (
        "gateway.v1.RagService", "text.v1.TextService", "image.v1.ImageService",
        "retrieval.v1.CollectionService", "retrieval.v1.DocumentService", "retrieval.v1.SearchService",
        "retrieval.v1.AdminService")))  # fmt: skip
    assert all(client.is_serving(service) for service in services)
    assert process.poll() is None
    assert ready["http"].startswith("https://")
    context = ssl.create_default_context(cafile=certificates.ca)
    with httpx.Client(base_url=ready["http"], verify=context) as plain:
        assert plain.get("/readyz").status_code == 200
        assert plain.get("/v1/models").status_code == 401


def test_keys_scopes_and_tenants_hold_at_the_door(connect, keys):
    ann, bob, eve = (connect(keys[name]) for name in ("all", "text", "other"))
    for nobody in (connect(None), connect("'OR+1=1--")):
        with pytest.raises(UnauthenticatedError):
            nobody.chat("hi")
    assert bob.chat("hi", max_tokens=2).finished
    for forbidden in (bob.images.models, bob.collections.list, ann.admin.stats):
        with pytest.raises(PermissionDeniedError):
            forbidden()
    ann.collections.create("mine", 2)
    assert [item.name for item in ann.collections.list()] == ["mine"]
    assert not list(eve.collections.list())


def test_the_command_line_takes_key_and_authority(up, keys, certificates):
    _, ready = up
    options = ("--address", ready["address"], "--ca", str(certificates.ca), "--api-key", keys["all"])
    told = subprocess.run([PROGRAM, *options, "status", "--json"], capture_output=True, text=True, check=True)
    assert all(json.loads(told.stdout)["services"].values())


def test_ctrl_c_drains_what_runs_and_takes_nothing_new(up, connect, keys):
    process, ready = up
    client, other = connect(keys["all"]), connect(keys["all"])
    with client.images.stream_generate("a red circle", steps=100, count=8) as stream:
        events = iter(stream)
        first = next(events)
        process.send_signal(signal.SIGINT)
        try:
            given_up = time.monotonic() + 60
            while other.is_serving():
                assert time.monotonic() < given_up, "SIGINT did nothing; was it ignored when the tests began?"
            with pytest.raises(UnavailableError):
                other.chat("too late")
        except UnavailableError:  # the call was over sooner than we looked
            pass
        rest = [first, *events]
    assert len([event for event in rest if isinstance(event, ImageResult)]) == 8
    assert isinstance(rest[-1], ImagesFinished)
    process.communicate(timeout=120)
    assert process.returncode == 0
    for log in Path(ready["logs"]).glob("*.log"):
        (drained,) = [
            event for line in log.read_text().splitlines() if (event := read(line)).get("event") == "drained"
        ]
        assert drained["complete"], log.name


def read(line):
    try:
        return json.loads(line)
    except ValueError:  # gRPC's own
        return {}

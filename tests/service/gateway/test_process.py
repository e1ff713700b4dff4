"""The gateway as a process: what keeps it from starting is one sentence that names the option."""

import os
import socket
import subprocess
import sys

import pytest


def start(**options):
    """Status and stderr of a gateway that is expected to end by itself."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QUADRILLE_")}
    options = {"PORT": "0", "HTTP_PORT": "0", **options}
    environment |= {f"QUADRILLE_GATEWAY_{name}": value for name, value in options.items()}
    command = [sys.executable, "-m", "gateway"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"HEALTH_INTERVAL_S": "never"}, "QUADRILLE_GATEWAY_HEALTH_INTERVAL_S"),
        ({"TEXT_ADDRESSES": ""}, "QUADRILLE_GATEWAY_TEXT_ADDRESSES"),
        ({"BACKEND": "x"}, "QUADRILLE_GATEWAY_BACKEND is not an option"),
        ({"API_KEYS_FILE": "/no/such/keys"}, "QUADRILLE_GATEWAY_API_KEYS_FILE"),
        ({"BACKEND_CA": "/no/such/ca"}, "QUADRILLE_GATEWAY_BACKEND_CA"),
        ({"BACKEND_CERTIFICATE": "a.pem"}, "backend_certificate and backend_key are set together"),
        ({"TLS_KEY": "a.pem"}, "tls_certificate and tls_key are set together"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_option_is_named(options, named):
    status, said = start(**options)
    assert status == 2
    (sentence,) = said
    assert sentence.startswith("gateway cannot start: ")
    assert named in sentence


@pytest.mark.parametrize("option", ["PORT", "HTTP_PORT"])
def test_a_taken_port_is_named(option):
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        status, said = start(**{option: str(port)})
    assert status == 2
    assert said[-1].startswith(f"gateway cannot start: cannot listen on 127.0.0.1:{port}")
    assert not [line for line in said if "Traceback" in line]

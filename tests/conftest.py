"""A certificate authority of our own, for tests of TLS."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


@dataclass(frozen=True)
class Certified:
    """PEM files of one party."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Certificates:
    """An authority, a server and a client that it knows, and a stranger that another one knows."""

    ca: Path
    server: Certified
    client: Certified
    stranger: Certified


def _openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def _authority(folder):
    made = Certified(folder / "ca.pem", folder / "ca.key")
    options = ("-days", "2", "-subj", f"/CN={folder.name} authority", "-addext", "keyUsage=keyCertSign")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    _openssl("req", "-x509", *curve, *options, "-keyout", made.key, "-out", made.certificate)
    return made


def _issue(authority, folder, name):
    made = Certified(folder / f"{name}.pem", folder / f"{name}.key")
    request, names = folder / f"{name}.csr", folder / "names"
    names.write_text(_NAMES)
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}")
    _openssl("req", "-new", *curve, "-keyout", made.key, "-out", request)
    signed = ("-CA", authority.certificate, "-CAkey", authority.key, "-CAcreateserial", "-days", "2")
    _openssl("x509", "-req", "-in", request, *signed, "-extfile", names, "-out", made.certificate)
    return made


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """Certificates for localhost and 127.0.0.1, valid for two days."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificates, and is not here")
    ours, theirs = (tmp_path_factory.mktemp(name) for name in ("ours", "theirs"))
    authority = _authority(ours)
    return Certificates(
        ca=authority.certificate,
        server=_issue(authority, ours, "server"),
        client=_issue(authority, ours, "client"),
        stranger=_issue(_authority(theirs), theirs, "stranger"),
    )

"""What all tests share: a certificate authority of our own, for tests of TLS, and how garbage is collected."""

import gc
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme


def pytest_collection_finish() -> None:
    """Keep what is imported by now out of collections of garbage: with it, each takes most of a second."""
    gc.collect()
    gc.freeze()


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


def _issue(authority, folder, name):
    made = authority.issue_cert("localhost", "127.0.0.1", common_name=name)
    files = Certified(folder / f"{name}.pem", folder / f"{name}.key")
    for blob in made.cert_chain_pems:
        blob.write_to_path(files.certificate, append=True)
    made.private_key_pem.write_to_path(files.key)
    return files


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """Certificates for localhost and 127.0.0.1."""
    folder = tmp_path_factory.mktemp("certificates")
    ours, theirs = trustme.CA(), trustme.CA()
    ours.cert_pem.write_to_path(folder / "ca.pem")
    return Certificates(
        ca=folder / "ca.pem",
        server=_issue(ours, folder, "server"),
        client=_issue(ours, folder, "client"),
        stranger=_issue(theirs, folder, "stranger"),
    )

"""PEM files of options: read at the start, so that a bad one is named there and not at the first handshake."""

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ServerTls:
    """A server's certificate and key; with `client_ca`, callers must show a certificate of that authority."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


def check_authority(path: Path) -> Path:
    """The path, or ValueError unless it holds certificates."""
    _read(path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(path)
    except ssl.SSLError as error:
        raise ValueError(f"{path} holds no PEM certificate") from error
    return path


def check_pair(**pair: Path | None) -> None:
    """Raise ValueError unless two options, by name, hold a certificate and its key, or neither is set."""
    names, (certificate, key) = " and ".join(pair), pair.values()
    if (certificate is None) != (key is None):
        raise ValueError(f"{names} are set together")
    if certificate is None or key is None:
        return
    try:
        _read(certificate)
        _read(key)
        # A passphrase would otherwise be asked for on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        raise ValueError(f"{names}: {certificate} and {key} are no PEM certificate and its key") from error
    except ValueError as error:
        raise ValueError(f"{names}: {error}") from error


def _read(path: Path) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error

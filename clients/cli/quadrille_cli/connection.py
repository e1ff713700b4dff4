"""How commands reach a stack: the global options."""

from dataclasses import dataclass
from pathlib import Path

from quadrille_client import Client, Tls


@dataclass(frozen=True, slots=True)
class Connection:
    """Address, key and authority; `timeout_s` is the deadline of each call."""

    address: str
    api_key: str | None
    ca: Path | None
    timeout_s: float

    def client(self) -> Client:
        """A client; use it as a context manager."""
        tls = None if self.ca is None else Tls(ca=self.ca)
        return Client(self.address, api_key=self.api_key, tls=tls, timeout=self.timeout_s)

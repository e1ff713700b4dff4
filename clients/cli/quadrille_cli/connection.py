"""How commands reach a stack: the global options."""

from dataclasses import dataclass

from quadrille_client import Client, Tls


@dataclass(frozen=True, slots=True)
class Connection:
    """Address, key and TLS; `timeout_s` is the deadline of each call."""

    address: str
    api_key: str | None
    tls: Tls | None
    timeout_s: float

    def client(self) -> Client:
        """A client; use it as a context manager."""
        return Client(self.address, api_key=self.api_key, tls=self.tls, timeout=self.timeout_s)

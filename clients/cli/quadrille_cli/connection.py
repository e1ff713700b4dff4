"""How commands reach a stack: the global options."""

from dataclasses import dataclass

import typer
from quadrille_client import Client, Tls


@dataclass(frozen=True, slots=True)
class Connection:
    """Address, key and TLS; `timeout_s` is the deadline of each call."""

    address: str
    api_key: str | None
    tls: Tls | None
    timeout_s: float

    def client(self, name: str = "") -> Client:
        """A client, whose next call has this name if it is given one; use it as a context manager."""
        client = Client(self.address, api_key=self.api_key, tls=self.tls, timeout=self.timeout_s)
        if not name:
            return client
        try:
            return client.named(name)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--name") from error

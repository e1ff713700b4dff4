"""Where the services of a stack listen."""

import socket
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from typing import Self

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports on loopback; the defaults are the documented ones."""

    gateway: int = 50050
    text: int = 50051
    image: int = 50052
    retrieval: int = 50053
    http: int = 8080
    text_metrics: int = 9101
    image_metrics: int = 9102
    retrieval_metrics: int = 9103

    @classmethod
    def from_base(cls, base: int) -> Self:
        """Eight neighbouring ports, the gateway's gRPC first and its HTTP fifth; 0 picks free ones.

        Raises ValueError when they would not all be ports.
        """
        if base == 0:
            return cls.free()
        ports = range(base, base + len(cls.__slots__))
        if not 1 <= ports[0] <= ports[-1] <= 65535:
            raise ValueError(f"ports {ports[0]} to {ports[-1]} do not exist")
        return cls(*ports)

    @classmethod
    def free(cls) -> Self:
        """Ports that nobody listens on now; all are held until the last is found, so they differ."""
        with ExitStack() as held:
            sockets = [held.enter_context(socket.socket()) for _ in cls.__slots__]
            for item in sockets:
                item.bind((HOST, 0))
            return cls(*(item.getsockname()[1] for item in sockets))

    def taken(self) -> list[int]:
        """Those of the ports that somebody listens on already."""
        return [port for port in astuple(self) if _is_taken(port)]


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False

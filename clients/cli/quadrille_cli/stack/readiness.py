"""Whether a service answers, and whether it says that it serves."""

import urllib.error
import urllib.request
from enum import StrEnum

import grpc
from quadrille_client import health

from quadrille_cli.stack.service import Service

_TIMEOUT_S = 1.0
_HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback needs no proxy


class State(StrEnum):
    """How far a service is."""

    STARTING = "starting"
    LOADING = "loading"
    SERVING = "serving"
    EXITED = "exited"


class Probe:
    """Asks one service for its health."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._channel = grpc.insecure_channel(
            service.address,
            [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)],
        )
        self._check = self._channel.unary_unary(health.CHECK, bytes, bytes)

    def state(self) -> State:
        """STARTING without an answer, LOADING while it is not serving."""
        try:
            answer = self._check(health.request(""), timeout=_TIMEOUT_S)
        except grpc.RpcError:
            return State.STARTING
        serving = health.is_serving(answer) and self._http_ready()
        return State.SERVING if serving else State.LOADING

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _http_ready(self) -> bool:
        if self._service.ready_url is None:
            return True
        try:
            with _HTTP.open(self._service.ready_url, timeout=_TIMEOUT_S) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False

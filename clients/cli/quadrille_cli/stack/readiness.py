"""Whether a service answers, and whether it says that it serves."""

import ssl
import urllib.error
import urllib.request
from enum import StrEnum

import grpc
from quadrille_client import Tls, health

from quadrille_cli.stack.service import Service

_TIMEOUT_S = 1.0


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
        options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]
        if service.tls is None:
            self._channel = grpc.insecure_channel(service.address, options)
        else:
            self._channel = grpc.secure_channel(service.address, service.tls.credentials(), options)
        # Loopback needs no proxy.
        self._http = urllib.request.build_opener(urllib.request.ProxyHandler({}), *_https(service.tls))
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
            with self._http.open(self._service.ready_url, timeout=_TIMEOUT_S) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _https(tls: Tls | None) -> list[urllib.request.HTTPSHandler]:
    if tls is None:
        return []
    context = ssl.create_default_context(cafile=tls.ca)
    if tls.certificate is not None:
        context.load_cert_chain(tls.certificate, tls.key)
    return [urllib.request.HTTPSHandler(context=context)]

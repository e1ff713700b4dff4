"""The two messages of grpc.health.v1, small enough to write by hand instead of bringing a dependency."""

CHECK = "/grpc.health.v1.Health/Check"
_SERVING = 1


def request(service: str) -> bytes:
    """A HealthCheckRequest: field 1 is the service's name, "" for the whole server."""
    name = service.encode()
    if len(name) > 127:  # one length byte
        raise ValueError("a service's name has at most 127 bytes")
    return b"\x0a" + bytes([len(name)]) + name if name else b""


def is_serving(response: bytes) -> bool:
    """Whether a HealthCheckResponse says SERVING: field 1 is the status."""
    return response == bytes([0x08, _SERVING])

"""Health probe for containers: python -m serving.probe ADDRESS [CA [CERTIFICATE KEY]].

Its exit status is 0 when the server says SERVING. CA turns TLS on; CERTIFICATE and KEY are for mTLS.
"""

import sys
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

TIMEOUT_S = 3.0


def is_serving(
    address: str, ca: Path | None = None, certificate: Path | None = None, key: Path | None = None
) -> bool:
    """Whether the server at host:port serves as a whole; False also when it cannot be reached."""
    if ca is None:
        channel = grpc.insecure_channel(address)
    else:
        own_key, own = (path.read_bytes() if path else None for path in (key, certificate))
        channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(ca.read_bytes(), own_key, own))
    with channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S
            )
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


if __name__ == "__main__":
    sys.exit(not is_serving(sys.argv[1], *map(Path, sys.argv[2:5])))

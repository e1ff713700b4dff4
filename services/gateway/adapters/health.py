"""Health of one backend, over grpc.health.v1."""

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc


class GrpcHealthProbe:
    """HealthProbe: asks for the health of the whole server behind a channel."""

    def __init__(self, name: str, channel: grpc.aio.Channel, timeout_s: float = 2.0) -> None:
        self.name = name
        self._stub = health_pb2_grpc.HealthStub(channel)
        self._timeout_s = timeout_s

    async def is_serving(self) -> bool:
        """True when the backend says that it serves."""
        try:
            answer = await self._stub.Check(health_pb2.HealthCheckRequest(), timeout=self._timeout_s)
        except grpc.aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

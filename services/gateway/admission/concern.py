"""The gate as a concern of gRPC's server: each call enters by its key's limits."""

from serving.call import current_call
from serving.interceptor import Incoming, Proceed, T

from gateway.admission.gate import Gate


class Entered:
    """Surrounds every call of a known caller."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def __call__(self, incoming: Incoming, proceed: Proceed[T]) -> T:
        """Let one call in, or raise Overloaded."""
        with self._gate.entered(current_call().principal):
            return await proceed()

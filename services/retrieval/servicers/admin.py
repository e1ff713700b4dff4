"""AdminService."""

from typing import Any

from quadrille.retrieval.v1 import admin_pb2, admin_pb2_grpc

from retrieval.convert import admin as convert
from retrieval.maintenance import Maintenance
from retrieval.servicers.caller import tenant


class AdminServicer(admin_pb2_grpc.AdminServiceServicer):
    """Checks, mends, copies and measures the store."""

    def __init__(self, maintenance: Maintenance) -> None:
        self._maintenance = maintenance

    async def Verify(self, request: admin_pb2.VerifyRequest, context: Any) -> admin_pb2.VerifyResponse:  # noqa: N802
        """Compare the source of truth with what is derived from it."""
        return convert.verification_to_proto(await self._maintenance.verify(tenant(), request.collection))

    async def Repair(self, request: admin_pb2.RepairRequest, context: Any) -> admin_pb2.RepairResponse:  # noqa: N802
        """Rebuild what is derived."""
        count = await self._maintenance.repair(tenant(), request.collection)
        return admin_pb2.RepairResponse(rebuilt_chunk_count=count)

    async def Snapshot(  # noqa: N802
        self, request: admin_pb2.SnapshotRequest, context: Any
    ) -> admin_pb2.SnapshotResponse:
        """Write a consistent copy."""
        return convert.snapshot_to_proto(await self._maintenance.snapshot(request.name))

    async def Restore(self, request: admin_pb2.RestoreRequest, context: Any) -> admin_pb2.RestoreResponse:  # noqa: N802
        """Replace the store by a copy."""
        totals = await self._maintenance.restore(request.name)
        return admin_pb2.RestoreResponse(lsn=totals.last_lsn, collection_count=totals.collection_count)

    async def Compact(self, request: admin_pb2.CompactRequest, context: Any) -> admin_pb2.CompactResponse:  # noqa: N802
        """Give space back."""
        done = await self._maintenance.compact()
        return admin_pb2.CompactResponse(before_bytes=done.before_bytes, after_bytes=done.after_bytes)

    async def Stats(self, request: admin_pb2.StatsRequest, context: Any) -> admin_pb2.StatsResponse:  # noqa: N802
        """Measure the store."""
        return convert.stats_to_proto(await self._maintenance.stats())

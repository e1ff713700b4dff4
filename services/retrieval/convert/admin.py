"""What administrators get to see."""

from quadrille.retrieval.v1 import admin_pb2

from retrieval.reports import SnapshotInfo, Stats, Verification


def verification_to_proto(verification: Verification) -> admin_pb2.VerifyResponse:
    """Write what a check found."""
    findings = [
        admin_pb2.Finding(collection=finding.collection, kind=finding.kind, description=finding.description)
        for finding in verification.findings
    ]
    return admin_pb2.VerifyResponse(
        consistent=not findings, findings=findings, checked_chunk_count=verification.checked_chunk_count
    )


def snapshot_to_proto(info: SnapshotInfo) -> admin_pb2.SnapshotResponse:
    """Write what a copy is."""
    return admin_pb2.SnapshotResponse(
        name=info.name, size_bytes=info.size_bytes, sha256=info.sha256, lsn=info.lsn
    )


def stats_to_proto(stats: Stats) -> admin_pb2.StatsResponse:
    """Write measures of the store."""
    totals = stats.totals
    return admin_pb2.StatsResponse(
        collection_count=totals.collection_count,
        document_count=totals.document_count,
        chunk_count=totals.chunk_count,
        vector_count=stats.index.vector_count,
        disk_bytes=stats.disk_bytes,
        vector_bytes=stats.index.vector_bytes,
        last_lsn=totals.last_lsn,
        schema_version=totals.schema_version,
        segment_count=stats.index.segment_count,
        segment_bytes=stats.index.segment_bytes,
        tombstone_count=stats.index.tombstone_count,
        unsealed_vector_count=stats.index.unsealed_count,
    )

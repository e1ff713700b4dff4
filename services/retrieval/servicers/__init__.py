"""The four services over one engine."""

import grpc
from quadrille.retrieval.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    collection_pb2,
    collection_pb2_grpc,
    document_pb2,
    document_pb2_grpc,
    search_pb2,
)

from retrieval.engine import Engine
from retrieval.maintenance import Maintenance
from retrieval.servicers.admin import AdminServicer
from retrieval.servicers.collections import CollectionServicer
from retrieval.servicers.documents import DocumentServicer
from retrieval.servicers.search import SearchServicer, add_search_servicer

SERVICES = (
    collection_pb2.DESCRIPTOR.services_by_name["CollectionService"].full_name,
    document_pb2.DESCRIPTOR.services_by_name["DocumentService"].full_name,
    search_pb2.DESCRIPTOR.services_by_name["SearchService"].full_name,
    admin_pb2.DESCRIPTOR.services_by_name["AdminService"].full_name,
)


def register(server: grpc.aio.Server, engine: Engine, ingest_window: int) -> None:
    """Put the four services on a server."""
    collection_pb2_grpc.add_CollectionServiceServicer_to_server(CollectionServicer(engine), server)
    document_pb2_grpc.add_DocumentServiceServicer_to_server(DocumentServicer(engine, ingest_window), server)
    add_search_servicer(SearchServicer(engine), server)
    admin_pb2_grpc.add_AdminServiceServicer_to_server(AdminServicer(Maintenance(engine)), server)

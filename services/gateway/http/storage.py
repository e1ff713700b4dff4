"""Routes over what the retrieval service keeps: files and vector stores."""

from fastapi import APIRouter

from gateway.backends import RetrievalBackend, TextBackend
from gateway.files.library import FileLibrary
from gateway.files.store_files import StoreFiles
from gateway.files.stores import VectorStores
from gateway.http.files import file_routes
from gateway.http.vector_store_files import vector_store_file_routes
from gateway.http.vector_stores import vector_store_routes


def storage_routes(
    library: FileLibrary,
    stores: VectorStores,
    files: StoreFiles,
    text: TextBackend,
    retrieval: RetrievalBackend,
) -> APIRouter:
    """All of them."""
    router = APIRouter()
    router.include_router(file_routes(library, stores, files))
    router.include_router(vector_store_routes(stores, files, text, retrieval))
    router.include_router(vector_store_file_routes(files))
    return router

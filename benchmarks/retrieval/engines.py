"""Whom ours is measured beside, each over its own API."""

from benchmarks.text.engines import Peer

OURS, ECHO, RAW = "quadrille", "grpc.aio echo", "FAISS"
REFERENCES = (
    "_references"  # ends the operations whose hits are ids and scores alone, as those of other stores are
)
RECALL_CLIENTS = 16  # that ask for what recall is told of
# Indexes within a process: vectors in memory and nothing else. The others are stores.
LIBRARIES = (RAW, "hnswlib", "usearch")
VECTORS = ".venv-bench-vectors"
STORES = (
    Peer(RAW, "faiss_hnsw", None),
    Peer("hnswlib", "hnswlib_index", None, VECTORS),
    Peer("usearch", "usearch_index", None, VECTORS),
    Peer("Qdrant Edge", "qdrant_shard", None, VECTORS),
    Peer("LanceDB", "lance_table", None, VECTORS),
    Peer("Chroma", "chroma_collection", None, ".venv-bench-chroma"),
    Peer("Milvus Lite", "milvus_lite_collection", None, ".venv-bench-milvus"),
)

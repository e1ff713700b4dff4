"""The stores that are measured beside ours, each over its own API."""

from benchmarks.text.engines import Peer

OURS, ECHO, RAW = "quadrille", "grpc.aio echo", "FAISS"
REFERENCES = (
    "_references"  # ends the operations whose hits are ids and scores alone, as those of other stores are
)
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

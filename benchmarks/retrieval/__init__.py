"""Retrieval over gRPC from another process, beside an echo of the same messages, raw FAISS and embedded stores."""

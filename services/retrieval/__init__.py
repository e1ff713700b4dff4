"""Documents, chunks and vectors: durable storage and hybrid search."""

"""Search by words, and by words and vectors together: retrieval over gRPC beside other engines' full-text indexes."""

"""Retrieval-augmented generation: files in, answers with citations out."""

"""The door: RAG, routing and proxying over gRPC, and an OpenAI-compatible HTTP interface."""

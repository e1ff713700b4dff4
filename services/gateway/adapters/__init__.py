"""The ports over gRPC stubs; imported by `__main__` alone."""

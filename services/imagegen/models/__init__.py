"""The port to image models and its adapters; adapters are imported by `imagegen.__main__` alone."""

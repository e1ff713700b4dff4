"""Kernels in Triton: run on a GPU where there is one, else by Triton's interpreter. See `make test-triton`."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("triton") else ["test_*.py"]

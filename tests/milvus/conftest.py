"""The retrieval service with segments in Milvus Lite; collected where that is installed (make test-milvus)."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("milvus_lite") else ["test_*.py"]

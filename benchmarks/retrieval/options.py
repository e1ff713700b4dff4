"""How much is measured, and beside whom."""

import argparse
from collections.abc import Sequence
from pathlib import Path


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """How much is measured, and beside whom."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks retrieval")
    parser.add_argument("--vectors", type=int, default=100_000, help="vectors in the collection")
    parser.add_argument("--queries", type=int, default=2000, help="held-out queries")
    parser.add_argument(
        "--texts",
        type=Path,
        help="folder with texts (.md, .txt, .trec); without it the repository's own alone",
    )
    parser.add_argument(
        "--index",
        default="hnsw",
        choices=("flat", "hnsw", "ivf_pq", "scalar_quantized"),
        help="kind of index",
    )
    parser.add_argument("--build-threads", type=int, default=1, help="threads that build our segments")
    parser.add_argument("--rounds", type=int, default=3, help="turns that ours and the echo take")
    parser.add_argument(
        "--no-peers",
        action="store_true",
        help="beside the echo and raw FAISS alone, under a quarter of an hour",
    )
    asked = parser.parse_args(arguments)
    if asked.queries < 512 or asked.vectors < 2 * asked.queries:
        parser.error("at least 512 queries, and twice as many vectors")
    return asked
